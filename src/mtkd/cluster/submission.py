"""How many jobs SLURM lets a user submit, and what to do when it refuses one.

Messages are those of sbatch, sacctmgr, sshare and sinfo in versions 20 to 25.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import count
from typing import Any, NamedTuple

from mtkd.cluster.commands import command_lines


class Refusal(Enum):
    """Why a job could not be submitted."""

    LIMIT = "the limit of jobs is reached"
    BUSY = "SLURM does not answer"
    NODES = "every node that fits has failed before and is left out"
    # A limit that older versions do not name, a closed partition: it may pass, or be a mistake.
    UNCLEAR = "perhaps for now"
    # Nothing that waiting would mend.
    MISTAKE = "refused"


_SUBMIT_LIMIT = re.compile(r"(Assoc|QOS)\w*Submit\w*")
_OTHER_LIMIT = re.compile(r"\b(Assoc|QOS|Partition)[A-Z]\w+")
_POLICY = "violates accounting/QOS policy"
_BUSY = re.compile(
    r"unable to contact slurm controller|slurm temporarily unable|socket timed out|"
    r"slurm backup controller|zero bytes were transmitted|transport endpoint is not connected|"
    r"connection (refused|timed out|reset)|resource temporarily unavailable|communication failure|"
    r"slurmdbd|slurm_persist_conn|unexpected message received|protocol authentication error",
    re.IGNORECASE,
)
_CLOSED = "Required partition not available"
_NODES = "Requested node configuration is not available"


def refusal(message: str) -> Refusal:
    """What kind of refusal a failed submission's message tells of."""
    # The command that failed is shown behind the message, and its words are no reasons.
    said = message.split("sbatch call:")[0]
    if _SUBMIT_LIMIT.search(said):
        return Refusal.LIMIT
    if _POLICY in said:
        return Refusal.MISTAKE if _OTHER_LIMIT.search(said) else Refusal.UNCLEAR
    if _BUSY.search(said):
        return Refusal.BUSY
    if _CLOSED in said:
        return Refusal.UNCLEAR
    if _NODES in said:
        return Refusal.NODES
    return Refusal.MISTAKE


LONGEST_WAIT = 300
# Waits that an unclear refusal is given: half an hour.
UNCLEAR_WAITS = 13


def waits() -> Iterator[int]:
    """Seconds to wait before each further try of a submission: 1, 2, 4, ... to five minutes."""
    return (min(2**number, LONGEST_WAIT) for number in count())


class Limit(NamedTuple):
    """Jobs that a user may have in the queue at a time, and whose rule that is."""

    jobs: int
    of: str


def submit_limit(jobs: Iterable[Mapping[str, Any]], qos: str | None) -> Limit | None:
    """The lowest submit limit on jobs that ask for these resources; None without any.

    ``qos`` is that of the whole run. Where jobs name no account or QOS, SLURM's defaults count.
    """
    accounts, partitions, named = set(), set(), {qos} if qos else set()
    for resources in jobs:
        accounts |= _names(resources.get("slurm_account"))
        partitions |= _names(resources.get("slurm_partition"))
        named |= _names(resources.get("qos"))
    limits, defaults = _of_associations(accounts, partitions)
    asked = (named or defaults) | set(_partition_qos(partitions))
    columns = "name,maxsubmitjobsperuser,maxsubmitjobsperaccount,grpsubmitjobs"
    for name, *jobs in _rows("sacctmgr", "show", "qos", f"format={columns}"):
        if name in asked:
            limits += [Limit(int(number), f"QOS {name}") for number in jobs if number.isdigit()]
    return min(limits, default=None)


def _names(value: Any) -> set[str]:
    return set(re.split(r"[,\s]+", str(value))) if value else set()


def _of_associations(accounts: set[str], partitions: set[str]) -> tuple[list[Limit], set[str]]:
    """Limits of a user's associations and of their accounts; and the associations' default QOS."""
    columns = "account,user,partition,defaultqos,maxsubmitjobs,grpsubmitjobs"
    query = ("sacctmgr", "show", "associations", f"format={columns}")
    mine = [
        row
        for row in _rows(*query, f"user={getpass.getuser()}")
        if (not accounts or row[0] in accounts) and (not row[2] or row[2] in partitions)
    ]
    names = ",".join(sorted({row[0] for row in mine}))
    # Of an account's own rows, which are those of no user: its users share these limits.
    shared = [row for row in _rows(*query, f"account={names}") if not row[1]] if names else []
    limits = [
        Limit(int(number), f"account {row[0]}")
        for row in mine + shared
        for number in row[4:]
        if number.isdigit()
    ]
    return limits, {row[3] for row in mine if row[3]}


def _partition_qos(partitions: set[str]) -> Iterator[str]:
    for line in command_lines("scontrol", "--oneliner", "show", "partition"):
        facts = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if facts.get("PartitionName") in partitions and facts.get("QoS", "N/A") != "N/A":
            yield facts["QoS"]


def _rows(*command: str) -> list[list[str]]:
    program, *words = command
    return [line.split("|") for line in command_lines(program, "--noheader", "--parsable2", *words)]
