# Stands in for ``python``: has server.py start what it was asked to run, and ends as that ends.
# What a fork could not do as a new process would, it leaves to the interpreter itself: code given
# by -c, and an environment in which libraries would import otherwise. But for the code by which
# xdist starts its workers, unbuffered.
#
# What is imported here is in C: json, signal and socket take longer than all else that this does.
import _signal
import _socket
import array
import marshal
import os
import resource
import sys

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Read by the interpreter, or by libraries when they are imported.
AT_START = ("HOME", "MPL", "OMP_WAIT", "PYTHONHASHSEED")
# By those that talk to the hub.
OF_THE_HUB = ("HF_",)


def differ(environment, other, beginnings):
    """Whether two environments differ in a variable whose name begins so."""
    return any(
        environment.get(name) != other.get(name)
        for name in {*environment, *other}
        if name.startswith(beginnings)
    )


def line(connection):
    """The next line that the server sends, without its end; empty when it is gone."""
    received = b""
    while (byte := connection.recv(1)) not in (b"", b"\n"):
        received += byte
    return received


def main():
    words, environment = sys.argv[1:], dict(os.environ)
    with open(os.path.join(FOLDER, "server"), "rb") as file:
        server = marshal.load(file)
    warm = words and (words[0] in ("-m", "-u") or words[0].endswith(".py"))
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
    content = marshal.dumps(request)
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    name = "no-hub" if differ(environment, server["environment"], OF_THE_HUB) else "all"
    connection.connect(os.path.join(FOLDER, name))
    streams = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
    connection.sendmsg([b"%-16d" % len(content)], [streams])
    connection.sendall(content)
    pid = int(line(connection))
    for number in (_signal.SIGINT, _signal.SIGTERM):
        _signal.signal(number, lambda received, frame: os.killpg(pid, received))
    code = int(line(connection) or 1)
    if code < 0:
        if -code != _signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


main()
