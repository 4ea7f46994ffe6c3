"""The commands that talk to a person, at a terminal, on the fake engine. Run by ctest with the programs in PATH."""
import os
import pathlib
import re
import shutil
import signal
import tempfile
import time
import unittest

from guest_commands import TRAP, GuestCommands
from watched import PATIENCE, Piped, Terminal


class FakeEngine(unittest.TestCase):
    """A home of its own for each class; nothing of it is left."""

    vm = "web"

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="cove-pty-")
        os.environ.update(COVE_HOME=cls.home, COVE_BACKEND="fake")
        os.environ.pop("COVE_VM", None)

    @classmethod
    def tearDownClass(cls):
        with Piped("cove", "delete", "-all", "-force") as program:
            status = program.end()
        shutil.rmtree(cls.home)
        assert status == 0, program.said


class Commands(FakeEngine, GuestCommands):
    console_answers = r"\r\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with Piped("cove", "up", cls.vm) as program:
            assert program.end() == 0, program.said

    def test_insisting_ends_what_does_not_listen(self):
        script = "trap 'echo no' INT; echo ready; while :; do sleep 600 & wait; done"
        with Piped("cove", "exec", "sh", "-c", script) as command:
            command.expect("ready")
            for _ in range(2):
                command.signal(signal.SIGINT)
                command.expect("no")
            command.signal(signal.SIGINT)
            self.assertEqual(command.end(), 130)

    def test_a_full_input_does_not_hold_up_a_signal(self):
        with Piped("cove", "exec", "sh", "-c", TRAP.format("TERM"), stdin="/dev/zero") as command:
            command.expect("ready")
            command.signal(signal.SIGTERM)
            command.expect("caught TERM")
            self.assertEqual(command.end(), 9)

    def test_a_wait_that_a_signal_ends_has_its_status(self):
        with Piped("cove", "wait", "-for", "stopped", "-timeout", "10m", self.vm) as waiting:
            wait_until_handled(waiting.pid, signal.SIGTERM)
            waiting.signal(signal.SIGTERM)
            self.assertEqual(waiting.end(), 143)

    def test_a_shell_without_a_terminal_names_exec(self):
        with Piped("cove", "shell") as shell:
            self.assertEqual(shell.end(), 125)
        self.assertRegex(shell.said, r"cove shell needs a terminal(.|\n)*cove exec -- COMMAND")


def wait_until_handled(pid, number):
    """Looks until the program has its handler for the signal."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        if int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (number - 1) & 1:
            return
    raise AssertionError(f"no handler for {number}")


class Questions(FakeEngine):
    def test_delete_asks_and_only_yes_is_yes(self):
        with Piped("cove", "install", "web") as install:
            self.assertEqual(install.end(), 0, install.said)
        for answer in ("n\r", "\r", "yesterday\r", "\x04"):
            with self.subTest(answer), Terminal("cove", "delete", "web") as delete:
                delete.expect(r"Delete web and everything on its disk\? \[y/N\] ")
                delete.send(answer)
                delete.expect("Nothing was deleted")
                self.assertEqual(delete.end(), 0)
        with Terminal("cove", "delete", "web") as delete:
            delete.expect(r"\[y/N\] ")
            delete.send("\x03")
            self.assertEqual(delete.end(), 130)
        with Piped("cove", "delete", "web") as delete:
            self.assertEqual(delete.end(), 1)
            self.assertIn("without asking", delete.said)
        with Terminal("cove", "delete", "web") as delete:
            delete.expect(r"\[y/N\] ")
            delete.send("y\r")
            delete.expect("web: deleted")
            self.assertEqual(delete.end(), 0)

    def ask(self, *passwords):
        """cove install at a terminal, answered; the VM's configuration, or None if there is no VM."""
        with Terminal("cove", "install", "-user", "ann", "asked") as install:
            for question, password in zip((r"Password for ann: ", r"Password for ann \(again\): "), passwords):
                install.expect(question)
                self.assertFalse(install.echoes())
                install.send(password)
            self.status = install.end()
            self.assertTrue(install.echoes(), "the terminal is put back")
        self.said = install.said
        config = pathlib.Path(self.home, "vms", "asked", "config.json")
        return config.read_text() if config.exists() else None

    def test_a_password_is_asked_twice_and_never_shown(self):
        self.assertIsNone(self.ask("first-one\r", "other-one\r"))
        self.assertIn("the two passwords differ", self.said)
        self.assertNotEqual(self.status, 0)
        self.assertIsNone(self.ask("\r"))
        self.assertIn("the password is empty", self.said)
        self.assertIsNone(self.ask("\x03"))
        self.assertEqual(self.status, 130)
        config = self.ask("the-secret\r", "the-secret\r")
        self.assertEqual(self.status, 0, self.said)
        self.assertIn("$6$", config)
        self.assertNotIn("the-secret", config + self.said)


class ForegroundRun(FakeEngine):
    def setUp(self):
        with Piped("cove", "install", "web") as install:
            self.assertEqual(install.end(), 0, install.said)
        self.addCleanup(lambda: Piped("cove", "delete", "-force", "web").end())

    def state(self):
        with Piped("cove", "list") as listing:
            self.assertEqual(listing.end(), 0, listing.said)
        return listing.said

    def test_its_console_is_here_and_the_key_suspends_it(self):
        with Terminal("cove", "run", "web") as run:
            run.expect(r"Ctrl-\] suspends the VM")
            run.expect("fake login:")
            self.assertTrue(run.is_raw())
            run.send("\x03")  # a key of the guest, which echoes it
            run.expect("\x03")
            self.assertRegex(self.state(), r"(?m)^web +running")
            run.send("\x1d")
            run.expect("suspending web")
            run.expect("web: suspended in ")
            self.assertEqual(run.end(), 0)
            self.assertFalse(run.is_raw())
        self.assertRegex(self.state(), r"(?m)^web +suspended")

    def test_the_key_shuts_it_down_if_that_is_wished(self):
        with Terminal("cove", "run", "-on-exit", "stop", "web") as run:
            run.expect(r"Ctrl-\] shuts the VM down")
            run.expect("fake login:")
            run.send("\x1d")
            run.expect("shutting web down")
            self.assertEqual(run.end(), 0)
        self.assertRegex(self.state(), r"(?m)^web +stopped")

    def test_what_cannot_be_saved_runs_on_and_the_second_key_shuts_it_down(self):
        os.environ["COVE_FAKE"] = '{"fail":"save_devices"}'
        self.addCleanup(lambda: os.environ.pop("COVE_FAKE"))
        with Terminal("cove", "run", "web") as run:
            run.expect("fake login:")
            run.send("\x1d")
            run.expect("save_devices fails as it was told to")
            run.expect("web runs on")
            run.expect(r"Ctrl-\] shuts the VM down")
            self.assertRegex(self.state(), r"(?m)^web +running")
            run.send("poke\r")
            run.expect("poke")
            run.send("\x1d")
            run.expect("shutting web down")
            self.assertEqual(run.end(), 0)
        self.assertRegex(self.state(), r"(?m)^web +stopped")

    def test_a_second_signal_shuts_down_what_cannot_be_saved(self):
        os.environ["COVE_FAKE"] = '{"fail":"save_devices"}'
        self.addCleanup(lambda: os.environ.pop("COVE_FAKE"))
        with Terminal("cove", "run", "web") as run:
            run.expect("fake login:")
            run.signal(signal.SIGTERM)
            run.expect("web runs on")
            run.signal(signal.SIGTERM)
            run.expect("shutting web down")
            self.assertEqual(run.end(), 128 + signal.SIGTERM)
        self.assertRegex(self.state(), r"(?m)^web +stopped")

    def test_it_ends_with_its_guest(self):
        with Terminal("cove", "run", "web") as run:
            run.expect("fake login:")
            run.send("poweroff\r")
            self.assertEqual(run.end(), 0)
            self.assertFalse(run.is_raw())
        self.assertRegex(self.state(), r"(?m)^web +stopped")

    def test_a_signal_suspends_it(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), Terminal("cove", "run", "web") as run:
                run.expect("Console of web")
                run.signal(number)
                run.expect("web: suspended in ")
                self.assertEqual(run.end(), 0)
            self.assertRegex(self.state(), r"(?m)^web +suspended")

    def test_a_signal_shuts_it_down_if_that_is_wished(self):
        with Terminal("cove", "run", "-on-exit=stop", "web") as run:
            run.expect("fake login:")
            run.signal(signal.SIGTERM)
            run.expect("shutting web down")
            self.assertEqual(run.end(), 128 + signal.SIGTERM)
        self.assertRegex(self.state(), r"(?m)^web +stopped")


class Completion(FakeEngine):
    """Bash itself, as it splits a line and puts the reply in it."""

    def test_words_with_equals_signs_and_colons(self):
        with Piped("cove", "install", "--", "wiki") as install:
            self.assertEqual(install.end(), 0, install.said)
        with Terminal("bash", "--noprofile", "--norc", "-i") as bash:
            bash.send('eval "$(cove completion bash)"; echo load""ed\r')
            bash.expect("loaded")
            for typed, whole in (("wait -for=us", "wait -for=user "), ("exec -vm=wi", "exec -vm=wiki "),
                                 ("up -image debian:12-", "up -image debian:12-full "), ("cp wi", "cp wiki:/"),
                                 ("stop wi", "stop wiki ")):
                with self.subTest(typed):
                    bash.send(f"cove {typed}\t")
                    bash.expect(re.escape("cove " + whole))
                    bash.send("\x15")


if __name__ == "__main__":
    unittest.main()
