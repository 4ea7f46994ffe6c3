"""Programs watched while they run: on a terminal of their own (Terminal) or on pipes (Piped).

Nothing here sleeps: expect() and end() read until what they wait for is there, or fail after PATIENCE with all that
was said so far.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

PATIENCE = 90  # seconds; long, because a loaded machine under a sanitizer is slow
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
           signal.SIGPIPE)


class Watched:
    """One program that runs; `said` is all of its output, `seen` how much of it expect() has consumed."""

    def __init__(self, pid, output):
        self.pid, self.output, self.said, self.seen, self.status = pid, output, "", 0, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.output)

    def _read(self, deadline, what):
        """What came, "" at the end of the output."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.output], [], [], left)[0]:
            raise AssertionError(f"{what} did not come; said was:\n{self.said}")
        try:
            data = os.read(self.output, 65536)
        except OSError:  # a terminal that its last user has left
            data = b""
        self.said += data.decode(errors="replace")
        return data

    def expect(self, pattern):
        """The match of a regular expression in what was said since the last one."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.said[self.seen:], re.MULTILINE)
            if found:
                self.seen += found.end()
                return found
            if not self._read(deadline, f"/{pattern}/"):
                raise AssertionError(f"ended without /{pattern}/; said was:\n{self.said}")

    def signal(self, number):
        os.kill(self.pid, number)

    def end(self):
        """The exit status as a shell says it, once the program has ended and its output with it."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline, "the end"):
            pass
        handle = os.pidfd_open(self.pid)
        ended = select.select([handle], [], [], max(0, deadline - time.monotonic()))[0]
        os.close(handle)
        if not ended:
            raise AssertionError(f"closed its output and did not end; said was:\n{self.said}")
        status = os.waitpid(self.pid, 0)[1]
        self.status = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self.status


def _become(arguments, environment):
    for number in SIGNALS:  # whoever started the tests may have had them ignored
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(arguments[0], arguments, environment)


class Terminal(Watched):
    """With a terminal as a person's: what is sent is typed."""

    def __init__(self, *arguments, rows=24, columns=80, environment=None):
        pid, master = pty.fork()
        if pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                _become(arguments, environment or os.environ)
            finally:
                os._exit(127)
        super().__init__(pid, master)

    def send(self, text):
        os.write(self.output, text.encode())

    def resize(self, rows, columns):
        fcntl.ioctl(self.output, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echoes(self):
        return bool(termios.tcgetattr(self.output)[3] & termios.ECHO)

    def wait_until_raw(self):
        """The terminal's mode is no event: it is looked at, and what is said meanwhile is kept."""
        deadline = time.monotonic() + PATIENCE
        while not self.is_raw():
            if time.monotonic() > deadline:
                raise AssertionError(f"the terminal stays as it was; said was:\n{self.said}")
            if select.select([self.output], [], [], 0.01)[0]:
                self._read(deadline, "output")

    def is_raw(self):
        return not termios.tcgetattr(self.output)[3] & (termios.ICANON | termios.ISIG | termios.ECHO)


class Piped(Watched):
    """Without a terminal: both outputs in one pipe, the input from a file."""

    def __init__(self, *arguments, stdin="/dev/null", environment=None):
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
                os.dup2(theirs, 1)
                os.dup2(theirs, 2)
                os.closerange(3, 1024)
                _become(arguments, environment or os.environ)
            finally:
                os._exit(127)
        os.close(theirs)
        super().__init__(pid, ours)
