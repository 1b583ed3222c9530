"""The pipelines of Azure DevOps played on a laptop: ``python dev.py rehearse``.

The YAML is compiled (`compiling`: templates, parameters, expressions), read strictly into stages, jobs and steps
(`definition`), and played (`player`, `job_player`): conditions by `conditions`, variables by `variables`, scripts as
real processes (`processes`), tasks by `tasks`. Azure ML is the emulator (`surroundings`). What is rehearsed, and how it
has to end, stands in `scenarios`.

The rules of Azure DevOps stand in docs/azure-devops-rules.yml, each with Microsoft's page. What they leave open is
refused by name, never guessed.
"""
