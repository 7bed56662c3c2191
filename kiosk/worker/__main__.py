"""``python -m kiosk.worker``: run this kiosk's worker."""

from __future__ import annotations

import logging
import sys

from kiosk import config, core
from kiosk.worker.main import AlreadyRunning, main

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
logging.getLogger("httpx").setLevel(logging.WARNING)
try:
    sys.exit(main(core.build(config.load())))
except AlreadyRunning:
    sys.exit("another worker is running for this kiosk")
