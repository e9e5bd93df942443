"""Theory and the network simulator beside NNMT, NEST and Brian2, in one table.

    python benchmarks/theory.py [INTERPRETER]

INTERPRETER is the Python that has NEST and Brian2, as for ``benchmarks/network.py``.
"""

import sys
from itertools import chain

import mean_field
import network
import siegert
from table import show

peers = sys.argv[1] if len(sys.argv) > 1 else sys.executable
show(chain(siegert.costs(), mean_field.costs(), network.costs(peers)))
