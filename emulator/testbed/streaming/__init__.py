"""A viewer of streams on this computer: the firmware's cores behind real sockets."""
