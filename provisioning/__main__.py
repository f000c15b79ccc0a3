"""``python -m provisioning`` is ``easypark``."""

import sys

from provisioning.cli import main

sys.exit(main())
