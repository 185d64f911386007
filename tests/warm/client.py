# Stands in for ``python``: has server.py start what it was asked to run, and ends as that ends.
# What a fork could not do as a new process would, it leaves to the interpreter itself: code given
# by -c, and an environment in which libraries would import otherwise.
import json
import os
import resource
import signal
import socket
import sys

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Read by the interpreter, or by libraries when they are imported.
AT_START = ("HOME", "MPL", "OMP_", "PYTHONHASHSEED")
# By those that talk to the hub.
OF_THE_HUB = ("HF_",)


def differ(environment, other, beginnings):
    """Whether two environments differ in a variable whose name begins so."""
    return any(
        environment.get(name) != other.get(name)
        for name in {*environment, *other}
        if name.startswith(beginnings)
    )


def main():
    words, environment = sys.argv[1:], dict(os.environ)
    with open(os.path.join(FOLDER, "server.json")) as file:
        server = json.load(file)
    warm = words and (words[0] == "-m" or words[0].endswith(".py"))
    if not warm or differ(environment, server["environment"], AT_START):
        os.execv(server["executable"], [server["executable"], *words])
    umask = os.umask(0o077)
    os.umask(umask)
    request = {
        "words": words,
        "environment": environment,
        "folder": os.getcwd(),
        "umask": umask,
        "file_size": resource.getrlimit(resource.RLIMIT_FSIZE),
        "executable": os.path.abspath(__file__),
    }
    content = json.dumps(request).encode()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    name = "no-hub" if differ(environment, server["environment"], OF_THE_HUB) else "all"
    connection.connect(os.path.join(FOLDER, name))
    socket.send_fds(connection, [b"%-16d" % len(content)], [0, 1, 2])
    connection.sendall(content)
    answers = connection.makefile("rb")
    pid = int(answers.readline())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, frame: os.killpg(pid, received))
    code = int(answers.readline() or 1)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


main()
