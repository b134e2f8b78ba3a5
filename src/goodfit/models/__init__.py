"""Networks, their initialisation, and how a Recipe becomes one."""
