"""How a module says that a dictionary of its own holds parts: functions that a setting names.

Each part of a ``Catalogue`` has a digest of its own (``mtkd.study.code.part_digest``); what looks a
part up does not depend on the others.
"""

Catalogue = dict
