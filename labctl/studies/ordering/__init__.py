"""The study of what order costs: boards with stronger and weaker order effects, networks that know of them or not.

Every network is judged on the board: the emulated one, in a process of its own at the end of a TCP connection.
"""
