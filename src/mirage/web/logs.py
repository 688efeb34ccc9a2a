"""The log of a site as lines of JSON: of a request its route, never what was looked for or who looked."""

from __future__ import annotations

import json
import logging
import time
from typing import Literal

Format = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """A record as one line; what it says of a request as fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {"time": f"{when}.{int(record.msecs):03d}Z", "level": record.levelname.lower(), "logger": record.name}
        request = getattr(record, "request", None)
        line |= request or {"message": record.getMessage()}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def begin(form: Format) -> None:
    """Write the log of this process to the standard error, unless the program that runs MIRAGE has a log of its own.

    Parameters
    ----------
    form : {"text", "json"}
    """
    if logging.getLogger().handlers:
        return
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("mirage").setLevel(logging.INFO)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())
