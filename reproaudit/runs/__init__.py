"""Making runs: the process of each, its log, and the lab that counts them; never imports torch or
the recorder."""
