"""The checks, a file a family: each looks for some conditions in the Observations.

A family is a module with a function ``find(observations) -> list[Finding]``, a table ``EXPLAINS`` from a
finding's code to the codes that it explains where both are found, and, where evidence may be missing,
``cannot_tell(observations) -> list[Message]``. A file put here is found by itself; its words go into
``messages/*/findings.toml``.
"""
