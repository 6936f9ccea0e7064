"""Does a training reach what published recipes reach? A ResNet-18 by the SGD recipe, shortened, on CIFAR-10.

    python benchmarks/accuracy.py --data FOLDER [--device cuda] [--epochs 30] [--save FILE]

FOLDER is that of CIFAR-10 itself, in any layout that vitwork reads. The recipe is the classical one (SGD with momentum 0.9, weight
decay 5e-4, batches of 128, padded crop and flip) with bf16 autocast, one warm-up epoch and a cosine in the place of 200
epochs in steps. The network is tested once, after the last epoch.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

import timing

from vitwork.data import DataSpec, load
from vitwork.data.images import Splits
from vitwork.design.arm import Arm
from vitwork.design.recipe import Recipe
from vitwork.design.recipes import SGD
from vitwork.design.schedule import check_recipe
from vitwork.design.typed_fields import replaced
from vitwork.training.outcome import Outcome, Progress
from vitwork.training.train import train


def recipe_of(epochs: int, changes: list[str]) -> Recipe:
    recipe = dataclasses.replace(SGD, epochs=epochs, schedule="cosine", precision="bf16", snapshots=("end",))
    for change in changes:
        field, _, text = change.partition("=")
        recipe = replaced(recipe, field, text)
    check_recipe(recipe)
    return recipe


def trained(recipe: Recipe, splits: Splits, device: str, seed: int = 0) -> Outcome:
    """Train the network from the start, saying now and then how far it is."""

    def tell(progress: Progress) -> None:
        print(progress, flush=True)

    arm = Arm("resnet-18", "resnet_18", {}, recipe, DataSpec("cifar10"))
    with tempfile.TemporaryDirectory() as folder:
        return train(arm, seed, splits, Path(folder), device=device, progress=tell, every=10, checkpoint_seconds=1e9)


def described(recipe: Recipe) -> str:
    return (
        f"{recipe.optimizer} {recipe.lr:g}, batch {recipe.batch_size}, weight decay {recipe.weight_decay:g}, "
        f"{recipe.warmup_epochs} + {recipe.epochs} epochs, {recipe.schedule}, {recipe.precision}"
    )


def main() -> None:
    parser = timing.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=timing.CIFAR10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--train", type=int, help="use so many training images")
    parser.add_argument("--test", type=int, help="use so many test images")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="FIELD=VALUE", help="change further fields of the recipe"
    )
    options = parser.parse_args()
    splits = load(DataSpec("cifar10", train=options.train, test=options.test), options.data)
    recipe = recipe_of(options.epochs, options.set)
    known = timing.facts(options.device, "timm")
    start = time.perf_counter()
    outcome = trained(recipe, splits, options.device)
    row = {
        "network": f"ResNet-18, {outcome.parameters / 1e6:.1f} million parameters",
        "recipe": described(recipe),
        "images": f"{len(splits.train):,}",
        "test accuracy": f"{100 * outcome.history[-1].get('test_accuracy', 0):.2f} %",
        "epochs": len(outcome.history),
        "seconds": f"{time.perf_counter() - start:.0f}",
        "images/s": f"{outcome.images_per_second:,.0f}",
        "mode": outcome.mode,
    }
    print(timing.table([row]))
    timing.keep(options.save, "Accuracy on CIFAR-10", known, timing.table([row]))


if __name__ == "__main__":
    main()
