"""The commands that talk to a person, and those that stream, on the running guest named by COVE_VM, which is stopped
and renamed at the end. Run by tools/dev.d/guest_tests.sh."""
import os
import unittest

from guest_commands import GuestCommands
from watched import Piped, Terminal


class Running(unittest.TestCase, GuestCommands):
    vm = os.environ["COVE_VM"]
    console_answers = "login:"

    def test_logs_follow(self):
        with Piped("cove", "logs", "-f", "-tail", "1", self.vm) as logs:
            logs.expect(".")
            self.cove("exec", "-user", "root", "sh", "-c", "echo a line for $0 > /dev/console", "the-log")
            logs.expect("a line for the-log")


class Stopping(unittest.TestCase):
    """After Running, by the alphabet."""

    vm = os.environ["COVE_VM"]

    def cove(self, *words):
        with Piped("cove", *words) as program:
            status = program.end()
            self.assertEqual(status, 0, program.said)
            return program.said

    def test_renamed_chosen_and_run_in_the_foreground(self):
        del os.environ["COVE_VM"]
        self.assertRegex(self.cove("image", "list"), r"(?m)^debian:12 .* 1 ")
        self.cove("stop", self.vm)
        self.cove("vm", "rename", self.vm, "renamed")
        self.cove("vm", "set", "renamed")
        self.assertRegex(self.cove("list"), r"(?m)^renamed \* +stopped ")
        with Terminal("cove", "run") as run:
            run.expect(r"Console of renamed\. Ctrl-\] suspends the VM")
            run.expect("login:")
            self.assertIn("running", self.cove("list"))
            run.send("\x1d")
            self.assertEqual(run.end(), 0, run.said)
            self.assertFalse(run.is_raw())
        self.assertRegex(self.cove("list"), r"(?m)^renamed \* +suspended ")
        # It goes on where it was: the same boot of its kernel.
        self.cove("run", "-detach", "renamed")
        self.assertRegex(self.cove("exec", "--", "uptime", "-p"), r"up ")
        self.cove("stop", "-force", "renamed")
        self.assertRegex(self.cove("list"), r"(?m)^renamed \* +stopped ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
