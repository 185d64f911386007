"""Refused submissions, and the limits that SLURM tells of."""

import itertools

import pytest

from mtkd.cluster import submission
from mtkd.cluster.submission import Limit, Refusal, refusal, submit_limit, waits

POLICY = (
    "Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's)"
)
UNABLE = "Unable to contact slurm controller (connect failure)"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (f"sbatch: error: AssocMaxSubmitJobLimit sbatch: error: {POLICY}", Refusal.LIMIT),
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit sbatch: error: {POLICY}", Refusal.LIMIT),
        (f"sbatch: error: AssocGrpSubmitJobsLimit sbatch: error: {POLICY}", Refusal.LIMIT),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit sbatch: {POLICY}", Refusal.MISTAKE),
        (f"sbatch: error: {POLICY}", Refusal.UNCLEAR),
        (f"sbatch: error: Batch job submission failed: {UNABLE}", Refusal.BUSY),
        ("sbatch: error: Socket timed out on send/recv operation", Refusal.BUSY),
        ("Batch job submission failed: Resource temporarily unavailable", Refusal.BUSY),
        (f"Failed to run sinfo for retrieval of cluster partitions: {UNABLE}", Refusal.BUSY),
        (
            "with sacctmgr: sacctmgr: error: slurm_persist_conn_open: Connection refused",
            Refusal.BUSY,
        ),
        ("Required partition not available (inactive or drain)", Refusal.UNCLEAR),
        ("Requested node configuration is not available", Refusal.NODES),
        ("Invalid account or account/partition combination specified", Refusal.MISTAKE),
        ("Invalid qos specification", Refusal.MISTAKE),
        # The command itself is shown behind what was said, and may hold any word.
        ("Invalid qos.\n    sbatch call:\n    sbatch -D /socket timed out/x", Refusal.MISTAKE),
    ],
)
def test_what_a_refusal_is(message, kind):
    assert refusal(f"SLURM sbatch failed. The error message was '{message}'.") is kind


def test_waits_grow_to_minutes():
    seconds = list(itertools.islice(waits(), 12))
    assert seconds[:4] == [1, 2, 4, 8] and seconds[-2:] == [300, 300]


class TestSubmitLimit:
    """What sacctmgr and scontrol tell, as versions 22 and 23 print it."""

    answers = {
        "user=": ["study|ada|||40|", "other|ada||tight|5|", "study|ada|debug|long|2|"],
        "account=": ["study||||| 90".replace(" ", ""), "study|bob|||1|"],
        "qos": ["normal|30||", "tight|4||", "long||20|8", "part|3||"],
        "partition": ["PartitionName=gpu QoS=part State=UP", "PartitionName=cpu QoS=N/A State=UP"],
    }

    @pytest.fixture(autouse=True)
    def slurm(self, monkeypatch):
        def lines(*command):
            asked = " ".join(command)
            return next(said for word, said in self.answers.items() if word in asked)

        monkeypatch.setattr(submission, "command_lines", lines)

    @pytest.mark.parametrize(
        ("jobs", "qos", "limit"),
        [
            # An account without a QOS of its own: the association and its account alone.
            ([{"slurm_account": "study"}], None, Limit(40, "account study")),
            ([{"slurm_account": "study"}], "normal", Limit(30, "QOS normal")),
            ([{"slurm_account": "study", "qos": "long"}], None, Limit(8, "QOS long")),
            ([{"slurm_account": "other"}], None, Limit(4, "QOS tight")),
            ([{"slurm_account": "study", "slurm_partition": "gpu"}], None, Limit(3, "QOS part")),
            # The association with a partition counts on that partition alone.
            (
                [{"slurm_account": "study"}, {"slurm_partition": "cpu,debug"}],
                "normal",
                Limit(2, "account study"),
            ),
            ([{}], None, Limit(4, "QOS tight")),
        ],
    )
    def test_the_lowest_that_applies(self, jobs, qos, limit):
        assert submit_limit(jobs, qos) == limit

    def test_none_where_nothing_is_told(self, monkeypatch):
        monkeypatch.setattr(submission, "command_lines", lambda *command: [])
        assert submit_limit([{"slurm_account": "study"}], "normal") is None
