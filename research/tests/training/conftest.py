"""The mirage command is put together before its parts are imported one by one."""

import mirage.cli  # noqa: F401 - it asks for `mirage_research.commands`, which must not be half imported then
