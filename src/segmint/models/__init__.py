"""Networks, their factory, and the module that every export is made of."""
