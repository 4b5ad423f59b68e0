"""The adapter for torchtitan 0.3.0 (extra `torchtitan`), which finds it by its name:

    -m torchtitan.train --module kappa_data.trainers.torchtitan --config gpt_oss_20b

data.py             packed rows as torchtitan's dataset and dataloader
recipe.py           the trainer that plans its steps from the rows; optimizer groups, schedule
weights.py          gpt-oss weights from and to Hugging Face's names
config_registry.py  the configs that --config names
"""
