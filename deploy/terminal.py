"""A supervisord event listener that prints each process's output behind the process's name.

supervisord speaks to it on stdin and stdout (http://supervisord.org/events.html), so the lines go
to stderr, which supervisord.conf connects with the terminal.
"""

import io
import sys


def main(stdout=sys.stdout, terminal=sys.stderr):
    # supervisord counts a payload in characters, and sends it as UTF-8.
    stdin = io.TextIOWrapper(sys.stdin.buffer, "utf-8", newline="\n")
    unfinished = {}
    stdout.write("READY\n")
    stdout.flush()
    while line := stdin.readline():
        header = dict(token.split(":", 1) for token in line.split())
        payload = stdin.read(int(header["len"]))
        for text in lines_of(header["eventname"], payload, unfinished):
            terminal.write(text + "\n")
        terminal.flush()
        stdout.write("RESULT 2\nOKREADY\n")
        stdout.flush()


def lines_of(event, payload, unfinished):
    """The lines that an event brings to an end. `unfinished`: process -> text without line end."""
    first, _, output = payload.partition("\n")
    about = dict(token.split(":", 1) for token in first.split())
    name = about["processname"]
    if event == "PROCESS_STATE_FATAL":
        return [f"{name} | cannot be started; its lines above say why"]
    if event == "PROCESS_STATE_EXITED":
        if about["expected"] == "1":
            return [f"{name} | ended, and is not started again; its lines above say why"]
        return [f"{name} | ended unexpectedly"]
    *complete, unfinished[name] = (unfinished.get(name, "") + output).split("\n")
    # A line of JSON (LOG_FORMAT) names its process itself.
    return [line if line.startswith("{") else f"{name} | {line}" for line in complete]


if __name__ == "__main__":
    main()
