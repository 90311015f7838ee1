"""Schedules on this machine.

`zones`: the time zones that a schedule names; `timetable`: when it fires; `fire`: what happens then, a run of its job
and the record of it; `service`: the process that waits for the fires of several schedules.
"""
