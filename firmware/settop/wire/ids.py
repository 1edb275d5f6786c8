"""Sizes of the ids and keys that both ends know, in bytes, and the portion that is none."""

TERMINAL_ID_BYTES = 8  # names a terminal to the head-end; drawn when it is provisioned
DEVICE_KEY_BYTES = 32  # shared by a terminal and the head-end, never sent
BROADCAST_ID_BYTES = 8  # new for every run of a broadcast
CONTROL_WORD_BYTES = 16  # opens one portion (AES-128)
NO_PORTION = 0xFFFFFFFF  # where a portion index (u32) is asked for and there is none; no portion on air has it
