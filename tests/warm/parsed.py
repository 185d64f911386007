"""What Snakemake's parser makes of a file, kept for the session's other processes.

To parse the rules is a third of a dry run, and they are the same in every test.
"""

from __future__ import annotations

import hashlib
import marshal
import os
from pathlib import Path

# In a kept text, where the file lies.
PLACE = "\0place\0"


def keep_in(folder: Path) -> None:
    """Have Snakemake look in ``folder`` for what a file is parsed to, and leave it there."""
    import snakemake.workflow

    parse = snakemake.workflow.parse

    def kept(path, workflow, linemap, overwrite_shellcmd=None, rulecount=0):
        place = path.get_path_or_uri(secret_free=True)
        odd = not os.path.isabs(place) or repr(place)[1:-1] != place
        if linemap or overwrite_shellcmd or odd:
            return parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
        key = hashlib.sha256(Path(place).read_bytes() + b"\0%d" % rulecount).hexdigest()
        file = folder / key
        if not file.exists():
            code, count = parse(path, workflow, linemap, rulecount=rulecount)
            part = folder / f"{key}.{os.getpid()}"
            part.write_bytes(marshal.dumps((code.replace(place, PLACE), count, linemap)))
            part.rename(file)
            return code, count
        code, count, lines = marshal.loads(file.read_bytes())
        linemap.update(lines)
        return code.replace(PLACE, place), count

    snakemake.workflow.parse = kept
