"""Which firmware this is, and which formats it speaks: a host that meets other ones can say so.

FORMATS is one number for all that two ends must agree on: the messages of a call, what is on air (ECM, descriptors),
the cable's frames, the console's lines, the records in flash. It goes up by one with a release in which any of them
changes. A firmware that names no number has 1.

    1  the first
    2  DARK, a highest price in REQUEST, tariff and price in the CA descriptor
    3  the cable's version 2
    4  records by service and name in flash, counted; an identity without the telephone number
"""

VERSION = "0.1.0"
FORMATS = 4
