"""What the manager asks of a kernel, and the kernels that answer."""
