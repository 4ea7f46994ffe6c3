"""What exec, shell and console promise at a terminal, the same for a fake and for a real guest. `self.vm` runs."""
import signal

from watched import Piped, Terminal

# A command that says how a signal reached it. The sleeper is what the shell waits for, and does not outlive it.
TRAP = "trap 'echo caught {0}; kill $!; exit 9' {0}; echo ready; sleep 600 & wait"


class GuestCommands:
    def cove(self, *words):
        """What a command says that has to succeed."""
        with Piped("cove", *words) as program:
            status = program.end()
            self.assertEqual(status, 0, program.said)
            return program.said

    def assert_state(self, state):
        self.assertRegex(self.cove("list"), rf"(?m)^{self.vm}( \*)? +{state} ")

    def test_shell_is_a_login_at_a_terminal(self):
        with Terminal("cove", "shell", "-vm", self.vm, rows=33, columns=77) as shell:
            shell.expect(r"[$#] ")
            self.assertTrue(shell.is_raw())
            shell.send("stty size; echo $((6 * 7))\r")
            shell.expect(r"[\r\n]33 77\r\n42\r\n")
            shell.send("sh -c 'echo begun; exec sleep 600'\r")
            shell.expect(r"[\r\n]begun\r\n")
            shell.send("\x03")
            shell.expect(r"\^C(.|[\r\n])*[$#] ")
            shell.send("echo status $?\r")
            shell.expect(r"[\r\n]status 130\r\n")
            shell.send("exit 5\r")
            self.assertEqual(shell.end(), 5)
            self.assertFalse(shell.is_raw(), "the terminal is put back")

    def test_the_window_size_follows(self):
        script = "trap 'stty size; kill $!; exit 7' WINCH; echo ready; sleep 600 & wait"
        with Terminal("cove", "shell", "-vm", self.vm, "sh", "-c", script) as shell:
            shell.expect("ready")
            shell.resize(50, 132)
            shell.expect("50 132")
            self.assertEqual(shell.end(), 7)

    def test_control_c_is_a_key_of_the_guest(self):
        with Terminal("cove", "exec", "-vm", self.vm, "-tty", "sh", "-c", TRAP.format("INT")) as command:
            command.expect("ready")
            command.send("\x03")
            command.expect("caught INT")
            self.assertEqual(command.end(), 9)

    def test_signals_reach_the_command(self):
        for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2"):
            with self.subTest(name), Piped("cove", "exec", "-vm", self.vm, "sh", "-c", TRAP.format(name)) as command:
                command.expect("ready")
                command.signal(getattr(signal, "SIG" + name))
                command.expect(f"caught {name}")
                self.assertEqual(command.end(), 9)

    def test_a_command_that_a_signal_ends_has_its_status(self):
        for name in ("INT", "TERM", "HUP", "USR1"):
            number = getattr(signal, "SIG" + name)
            script = "echo ready; exec sleep 600"
            with self.subTest(name), Piped("cove", "exec", "-vm", self.vm, "sh", "-c", script) as command:
                command.expect("ready")
                command.signal(number)
                self.assertEqual(command.end(), 128 + number)

    def test_signals_reach_what_runs_in_a_shell(self):
        for name in ("TERM", "HUP"):
            with self.subTest(name), Terminal("cove", "shell", "-vm", self.vm, "sh", "-c", TRAP.format(name)) as shell:
                shell.expect("ready")
                shell.signal(getattr(signal, "SIG" + name))
                shell.expect(f"caught {name}")
                self.assertEqual(shell.end(), 9)
                self.assertFalse(shell.is_raw())

    def test_console_is_left_by_its_key(self):
        with Terminal("cove", "console", self.vm) as console:
            console.expect(r"Ctrl-\] leaves it")
            console.wait_until_raw()
            console.send("\r")
            console.expect(self.console_answers)
            console.send("\x1d")
            self.assertEqual(console.end(), 0)
            self.assertFalse(console.is_raw())
        self.assert_state("running")
