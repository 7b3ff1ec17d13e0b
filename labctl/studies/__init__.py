"""Studies: experiments over many boards, arms and seeds, each a folder that can be gone on with.

A study is a plan of points (:mod:`labctl.studies.points`). Each point is computed once, by a worker process, and
written in one piece (:mod:`labctl.studies.folder`); :func:`labctl.studies.runner.run_study` does those that are missing
and writes the table, the figures and the page. Which studies there are says :mod:`labctl.studies.registry`.
"""
