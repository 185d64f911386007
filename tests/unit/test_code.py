"""Digests of code: an edit changes those of what uses it and no others, wherever it stands."""

import pytest

from mtkd.study import code

FILES = {
    "fusion/pool.py": '''
"""Pools."""
from math import fsum

from mtkd.config import keys
from mtkd.study.catalogue import Catalogue

SCALE = 2


def mean(x):
    """The mean."""
    return SCALE * fsum(x) + _offset()


def _offset():
    return keys.A


def worst(x):
    return min(x)


POOLS: Catalogue[str, object] = {"mean": mean, "worst": worst}
''',
    "fusion/apply.py": """
import mtkd.models.made
from mtkd.fusion import pool


def pooled(name, x):
    return pool.POOLS[name](x)


def unused(x):
    return x
""",
    "models/made.py": "CALLS = []\nCALLS.append(1)\n",
    "config/keys.py": "A = 1\n",
    "study/catalogue.py": "Catalogue = dict\n",
}
SCRIPT = """
from mtkd.errors import run


def main():
    from mtkd.fusion.apply import pooled

    print(pooled("mean", [1]))


if __name__ == "__main__":
    run(main)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    package = tmp_path / "mtkd"
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tmp_path / "script.py").write_text(SCRIPT)
    monkeypatch.setattr(code, "PACKAGE_ROOT", package)
    return package


def digests(package):
    """Of the script, its library without parts, and both parts."""
    for cached in (code.read_source, code._tree, code._module, code._names, code._fingerprint):
        cached.cache_clear()
    parts = [code.part_digest("mtkd.fusion.pool", "POOLS", name) for name in ("mean", "worst")]
    return [*list(code.code_digests(package.parent / "script.py", False).values())[1:], *parts]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("fusion/pool.py", '"""The mean."""', '"""Better words."""  # why', []),
        ("fusion/pool.py", "SCALE = 2", "SCALE = 3", ["mean"]),
        ("fusion/pool.py", "return keys.A", "return 2 * keys.A", ["mean"]),
        ("fusion/pool.py", "from math import fsum", "from numpy import sum as fsum", ["mean"]),
        ("fusion/pool.py", "min(x)", "max(x)", ["worst"]),
        ("fusion/pool.py", '"worst": worst}', '"worst": worst, "new": min}', []),
        ("fusion/pool.py", '"worst": worst}', '"worst": mean}', ["worst"]),
        ("fusion/apply.py", "def unused(x):\n    return x", "def unused(x):\n    return 2", []),
        ("fusion/apply.py", "[name](x)", "[name](2 * x)", ["code"]),
        ("models/made.py", "append(1)", "append(2)", ["code"]),
        ("config/keys.py", "A = 1", "A = 2", []),
        ("../script.py", "[1]", "[2]", ["script"]),
    ],
)
def test_an_edit_changes_the_digests_of_what_uses_it(package, file, old, new, changed):
    before = digests(package)
    text = (package / file).read_text()
    assert old in text
    (package / file).write_text(text.replace(old, new))
    names = ["script", "code", "mean", "worst"]
    differing = [n for n, a, b in zip(names, before, digests(package), strict=True) if a != b]
    assert differing == changed


def test_a_moved_file_changes_nothing(package):
    before = digests(package)
    (package / "fusion/pool.py").rename(package / "models/pools.py")
    apply = package / "fusion/apply.py"
    apply.write_text(
        apply.read_text().replace("mtkd.fusion import pool", "mtkd.models import pools as pool")
    )
    script = package.parent / "script.py"
    script.write_text(script.read_text().replace("mtkd.fusion.apply", "mtkd.applied"))
    apply.rename(package / "applied.py")
    for cached in (code.read_source, code._tree, code._module, code._names, code._fingerprint):
        cached.cache_clear()
    assert list(code.code_digests(script, False).values())[1:] == before[:2]
    assert code.part_digest("mtkd.models.pools", "POOLS", "mean") == before[2]


def test_all_parts_count_where_a_script_wants_all(package):
    script = package.parent / "script.py"
    before = code.code_digests(script)
    assert before != code.code_digests(script, all_parts=False)
    pool = package / "fusion/pool.py"
    pool.write_text(pool.read_text().replace("min(x)", "max(x)"))
    digests(package)
    assert code.code_digests(script)["code"] != before["code"]


def test_there_is_no_part_of_another_name(package):
    with pytest.raises(KeyError, match="best"):
        code.part_digest("mtkd.fusion.pool", "POOLS", "best")
