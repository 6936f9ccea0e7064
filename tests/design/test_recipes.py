from vitwork.design.recipe import RandAugment
from vitwork.design.recipes import DEIT_300, IMAGENET, SGD, WEAK


def test_the_papers_recipes():
    """The constants say what the official configurations say."""
    assert (DEIT_300.lr, DEIT_300.weight_decay, DEIT_300.batch_size, DEIT_300.clip) == (1.25e-4, 0.05, 96, 5)
    assert (DEIT_300.warmup_epochs, DEIT_300.epochs, DEIT_300.label_smoothing, DEIT_300.drop_path) == (5, 300, 0.1, 0.1)
    assert DEIT_300.augmentation.randaugment == RandAugment(9, 2, 1.0)
    assert (DEIT_300.augmentation.mixup, DEIT_300.augmentation.cutmix) == (1.0, 0.8)
    assert (WEAK.label_smoothing, WEAK.clip, WEAK.augmentation.randaugment) == (0, None, None)
    assert (SGD.optimizer, SGD.lr, SGD.momentum, SGD.weight_decay, SGD.batch_size) == ("sgd", 0.1, 0.9, 5e-4, 128)
    assert (SGD.epochs, SGD.warmup_epochs, SGD.milestones, SGD.step_factor) == (200, 1, (60, 120, 160), 0.2)
    assert (IMAGENET.batch_size, IMAGENET.augmentation.erasing) == (128, 0.25)
    assert IMAGENET.augmentation.randaugment == RandAugment(9, 2, 0.5)
