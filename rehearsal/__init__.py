"""The Azure DevOps pipeline played on a laptop: ``python dev.py rehearse``.

Stages, jobs, scripts, conditions and variables come out of the YAML itself (`definition`, `expressions`); scripts
run as real processes (`player`), tasks of Azure DevOps are played (`tasks`), Azure ML is the emulator (`surroundings`).
What the player does not understand is refused by name, never guessed.
"""
