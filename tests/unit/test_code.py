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


def forget():
    """As in a new process."""
    kept = (code.read_source, code._module, code._targets)
    for cached in (*kept, code._fingerprint):
        cached.cache_clear()


def digests(package):
    """Of the script, its library without parts, and both parts."""
    forget()
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
        ("fusion/apply.py", "[name](x)", "[name](2 * x)", ["script", "code"]),
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


@pytest.mark.parametrize(
    ("library", "use", "old", "new"),
    [
        (
            "if True:\n    def f():\n        return 1\n",
            "FROM f; f()",
            "1",
            "2",
        ),
        ("try:\n    A = 1\nexcept E:\n    A = 3\n", "FROM A; A", "3", "4"),
        ("A = B = 1\n", "FROM B; B", "1", "2"),
        ("A, *B = 1, 2\n", "FROM B; B", "2", "3"),
        ("class C:\n    pass\nC.x = 1\n", "FROM C; C", "1", "2"),
        ("def f():\n    return 1\n", "import mtkd.fusion.odd; mtkd.fusion.odd.f()", "1", "2"),
        ("def f():\n    return 1\n", "FROM *; f()", "1", "2"),
        ("def f():\n    return 1\n", "from mtkd.fusion import odd; getattr(odd, 'f')()", "1", "2"),
        ("def f():\n    return 1\n", "from mtkd.fusion import odd as o; o.f()", "1", "2"),
        ("import mtkd.fusion.more\n", "from mtkd.fusion import odd; odd.x", "more", "other"),
        (
            "def f():\n    from mtkd.fusion.more import a\n    return a\n\n\n"
            "def g():\n    from mtkd.fusion.other import a\n    return a\n",
            "FROM f; f()",
            "more import a\n    return a\n\n\n",
            "other import a\n    return a\n\n\n",
        ),
        (
            "from mtkd.fusion.more import a as x\nfrom mtkd.fusion.other import a as y\n\n\n"
            "def f():\n    return x() - y()\n",
            "FROM f; f()",
            "more import a as x\nfrom mtkd.fusion.other",
            "other import a as x\nfrom mtkd.fusion.more",
        ),
        # Of the same name and value as one elsewhere.
        (
            "from mtkd.fusion.more import a\nN = 1\n\n\ndef f():\n    return a() + N\n",
            "FROM f; f()",
            "N = 1",
            "N = 7",
        ),
    ],
)
def test_whichever_way_code_is_reached(package, library, use, old, new):
    (package / "fusion/__init__.py").write_text("")
    (package / "fusion/more.py").write_text("print('more')\nN = 7\n\n\ndef a():\n    return N\n")
    (package / "fusion/other.py").write_text("print('other')\n\n\ndef a():\n    return 6\n")
    (package / "fusion/odd.py").write_text(library)
    script = package.parent / "script.py"
    use = use.replace("FROM", "from mtkd.fusion.odd import")
    script.write_text(f"def main():\n    {use}\n\n\nmain()\n")
    forget()
    before = code.code_digests(script)["code"]
    assert library.count(old) >= 1
    (package / "fusion/odd.py").write_text(library.replace(old, new))
    forget()
    assert code.code_digests(script)["code"] != before


@pytest.fixture(scope="module")
def digests_of_scripts():
    """The digests of the code behind each script of the workflow."""
    forget()
    scripts = sorted((code.PACKAGE_ROOT.parents[1] / "workflow/scripts").glob("*.py"))
    return {script: code.code_digests(script) for script in scripts}


@pytest.mark.parametrize(
    "change",
    [
        ("study/arms.py", 'return arm["strategy"] == AVERAGE', 'return arm["strategy"] != AVERAGE'),
        ("records/teachers.py", 'teacher_seed == "paired"', 'teacher_seed != "paired"'),
        ("study/grid.py", "if not is_distilled(arm[", "if is_distilled(arm["),
    ],
)
def test_choices_of_arms_and_records_count(change, digests_of_scripts, monkeypatch):
    file, old, new = change
    path = code.PACKAGE_ROOT / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    forget()
    read = code.read_source

    def edited(source):
        return text.replace(old, new).encode() if source == path else read(source)

    monkeypatch.setattr(code, "read_source", edited)
    # One will do.
    assert any(code.code_digests(one) != was for one, was in digests_of_scripts.items())
    monkeypatch.undo()
    forget()


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
    forget()
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
