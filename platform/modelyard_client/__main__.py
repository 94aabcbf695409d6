"""`python -m modelyard_client` is the `modelyard` command."""

import sys

from modelyard_client.commands.main import main

sys.exit(main())
