"""The tables: causes, interventions, mechanisms. A new entry is made here and nowhere else."""
