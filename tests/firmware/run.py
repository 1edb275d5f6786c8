"""Runs the firmware suite on MicroPython, which has no unittest: `micropython run.py test_crc test_ecm ...`.

Every function test_* of the named modules runs once, in alphabetical order (MicroPython forgets the order of
definition). A failure prints its traceback; the last line is exactly "N passed, N failed, N skipped".
"""

import sys

from kit import Skip

try:
    from gc import collect
except ImportError:

    def collect():
        pass


def _trace(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


def _load(name):
    try:
        return __import__(name), None
    except Exception as error:
        return None, error


def run_module(name):
    """Runs one module's tests.

    Returns (passed, failed, skipped); a module that does not load is one failure.
    """
    module, error = _load(name)
    if isinstance(error, Skip):
        print("SKIP %s: %s" % (name, error))
        return 0, 0, 1
    if error is not None:
        print("FAIL %s (import)" % name)
        _trace(error)
        return 0, 1, 0
    passed = failed = skipped = 0
    for attribute in sorted(dir(module)):
        test = getattr(module, attribute)
        if not attribute.startswith("test_") or not callable(test):
            continue
        collect()
        try:
            test()
            passed += 1
        except Skip as reason:
            skipped += 1
            print("SKIP %s.%s: %s" % (name, attribute, reason))
        except Exception as error:
            failed += 1
            print("FAIL %s.%s" % (name, attribute))
            _trace(error)
    if not passed + failed + skipped:
        print("FAIL %s: no tests in it" % name)
        failed = 1
    return passed, failed, skipped


def main(names):
    """Runs the modules and prints the totals. Returns the number of failures."""
    passed = failed = skipped = 0
    for name in names:
        counts = run_module(name)
        passed += counts[0]
        failed += counts[1]
        skipped += counts[2]
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
