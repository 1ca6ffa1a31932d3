"""`python -m fleetglass_agent`, the same as `fleetglass-agent`."""

import sys

from fleetglass_agent.cli import main

sys.exit(main())
