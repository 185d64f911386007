"""benchmarks/requested_used.py on what sacct prints and on the SLURM plugin's report."""

import importlib.util
import math
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "requested_used.py"

# A job that was tried twice (the second time with more memory), each with SLURM's own steps and the
# step that works, and a job of another rule.
SACCT = """\
JobID|JobName|Comment|Elapsed|Timelimit|MaxRSS|ReqMem
11|mtkd_x|rule_train_students_wildcards_distilbert_sst2_1|00:10:00|04:00:00||16000M
11.batch|batch||00:10:00||180M|
11.extern|extern||00:10:01||1K|
11.0|python3.11||00:09:58||3500M|
12|mtkd_x|rule_train_students_wildcards_distilbert_sst2_1|1-00:30:30|2-00:00:00||32000M
12.0|python3.11||1-00:30:28||2G|
13|mtkd_x|rule_make_tables|00:00:45|UNLIMITED||4G
13.0|python3.11||00:00:45|||
"""

# The report's true columns: steps alone, with the job's rule and memory.
REPORT = (
    ",JobID,JobName,RuleName,Elapsed,TotalCPU,NNodes,NCPUS,MaxRSS,ReqMem,Elapsed_sec,TotalCPU_sec,"
    "MaxRSS_MB,RequestedMem_MB,MainJobID,CPU Efficiency (%),Memory Usage (%)\n"
    "2,11.0,python3.11,rule_score_students_wildcards_distilbert_sst2,00:09:58,00:05:00,1,4,3500M,,"
    "598,300.0,3500.0,16000.0,11,12.5,21.88\n"
    "5,12.0,python3.11,rule_score_students_wildcards_distilbert_mnli,00:01:00,00:00:30,1,4,512M,,"
    "60,30.0,512.0,8000.0,12,12.5,6.4\n"
)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(script, tmp_path, text):
    (tmp_path / "run").write_text(text)
    return script.requested_used(script.read_jobs(tmp_path / "run")).to_dict("index")


def test_sacct_gives_the_most_asked_for_and_used_by_rule(script, tmp_path):
    table = table_of(script, tmp_path, SACCT)
    assert table == {
        "make_tables": {
            "jobs": 1,
            "requested minutes": "-",
            "used minutes": 0.8,
            "requested MiB": 4096.0,
            "used MiB": "-",
        },
        "train_students": {
            "jobs": 2,
            "requested minutes": 2880.0,
            "used minutes": 1470.5,
            "requested MiB": 32000.0,
            "used MiB": 3500.0,
        },
    }


def test_the_plugins_report_holds_all_but_time_limits(script, tmp_path):
    table = table_of(script, tmp_path, REPORT)
    assert table == {
        "score_students": {
            "jobs": 2,
            "requested minutes": "-",
            "used minutes": 10.0,
            "requested MiB": 16000.0,
            "used MiB": 3500.0,
        }
    }


def test_jobs_of_a_cluster_without_comments_are_one_row(script, tmp_path):
    lines = [line.split("|") for line in SACCT.splitlines()]
    text = "\n".join("|".join([*line[:2], "", *line[3:]]) for line in lines[1:])
    table = table_of(script, tmp_path, "|".join(lines[0]) + "\n" + text + "\n")
    assert {name: row["jobs"] for name, row in table.items()} == {"not stored": 3}


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("00:30", 0.5), ("01:00:00", 60), ("2-01:00:30", 2940.5), ("00:00.500", 0.5 / 60)],
)
def test_times(script, text, minutes):
    assert script.minutes(text) == pytest.approx(minutes)
    assert math.isnan(script.minutes("Partition_Limit"))
