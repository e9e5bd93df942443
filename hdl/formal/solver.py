"""The SMT solver Bitwuzla as the program that sby runs: what PyPI has is the library.

It reads SMT-LIB commands from standard input and answers each at once. Yices, the other fast solver
of PyPI, cannot be trusted: version 2.6.5 is wrong about some sums of 64 bits (the tests have one).
"""

import re
import sys

import bitwuzla

QUOTED_OR_COMMENT = re.compile(r"\|[^|]*\||;.*")


def main() -> None:
    """Answer until the input ends or says ``(exit)``."""
    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_MODELS, True)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    command, depth = "", 0
    for line in sys.stdin:
        plain = QUOTED_OR_COMMENT.sub("", line)
        command += line
        depth += plain.count("(") - plain.count(")")
        if depth == 0 and plain.strip():
            if plain.strip() == "(exit)":
                break
            parser.parse(command, False, False)
            sys.stdout.flush()
            command = ""


if __name__ == "__main__":
    main()
