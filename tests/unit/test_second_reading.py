"""The second reading of the evidence: fourteen defects that the first embedded study's tables have.

Each test is numbered as docs/evidence.md numbers them, and fails on the numbers, or on the code,
that the first study was published with.
"""
