"""Each operation beside PIL, torchvision or timm on the same parameters; then the pipelines' statistics."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import Mixup, auto_augment
from timm.data.random_erasing import RandomErasing
from timm.data.transforms import RandomResizedCropAndInterpolation
from torchvision.transforms import functional as TF

from vitwork.data import DataSpec, load
from vitwork.data.augmentation import Augmenter, colour, geometry, randaugment, resizing, rows
from vitwork.data.augmentation import mixup as mixing
from vitwork.design.recipe import Augmentation, RandAugment
from vitwork.errors import VitworkError

N = 60
FILL = (125, 123, 114)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
TIMM = {
    "rotate": "Rotate",
    "shear_x": "ShearX",
    "translate_x": "TranslateXRel",
    "shear_y": "ShearY",
    "translate_y": "TranslateYRel",
    "auto_contrast": "AutoContrast",
    "equalize": "Equalize",
    "invert": "Invert",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "solarize_add": "SolarizeAdd",
    "contrast": "Contrast",
    "brightness": "Brightness",
    "colour": "Color",
    "sharpness": "Sharpness",
}
EXACT = {"auto_contrast", "equalize", "invert", "posterize", "solarize", "solarize_add"}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def pictures():
    """Drawn images, noise, one of a single colour and one of two levels: uint8 (N, 3, 32, 32)."""
    drawn = load(DataSpec("embedded", size=32, train=N, test=10)).train.images.clone()
    drawn[0:5] = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8, generator=generator())
    drawn[5] = 77
    drawn[6] = torch.where(torch.arange(32) < 3, 40, 200).to(torch.uint8)
    return drawn


def picture(image):
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def tensor(pictures):
    return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2)


def test_operations_are_those_of_timms_string():
    """timm's reading of the recipe's string names the same fifteen operations, probability, level and number."""
    policy = auto_augment.rand_augment_transform("rand-m9-n2-mstd1.0", {"img_mean": FILL})
    assert {op.name for op in policy.ops} == set(TIMM.values())
    assert set(TIMM) == set(randaugment.OPERATIONS)
    assert {op.prob for op in policy.ops} == {randaugment.APPLIED}
    assert {(op.magnitude, op.magnitude_std) for op in policy.ops} == {(RandAugment().magnitude, RandAugment().std)}
    assert policy.num_layers == RandAugment().operations


@pytest.mark.parametrize("name", randaugment.OPERATIONS)
def test_operation_beside_pil(name, pictures, monkeypatch):
    """Same image, level, sign and interpolation: at most one level apart, and rarely; whole-number operations exactly."""
    levels = (9 + 2 * torch.randn(N, generator=generator(1))).clamp(2.6, 10)
    levels[10], levels[11] = 10, 5
    signs = torch.where(torch.rand(N, generator=generator(2)) < 0.5, -1.0, 1.0)
    bicubic = torch.rand(N, generator=generator(3)) < 0.5
    ours = pictures.clone()
    turn = randaugment.Turn(torch.full((N,), randaugment.OPERATIONS.index(name)), levels, levels * signs, bicubic)
    randaugment.apply_operations(ours, turn, torch.tensor(FILL, dtype=torch.uint8))
    theirs = []
    for image, level, sign, cubic in zip(pictures, levels.tolist(), signs.tolist(), bicubic.tolist(), strict=True):
        monkeypatch.setattr(auto_augment, "_randomly_negate", lambda value, sign=sign: sign * value)
        to_argument = auto_augment.LEVEL_TO_ARG[TIMM[name]]
        arguments = to_argument(level, {}) if to_argument else ()
        resample = Image.Resampling.BICUBIC if cubic else Image.Resampling.BILINEAR
        operation = auto_augment.NAME_TO_OP[TIMM[name]]
        theirs.append(operation(picture(image), *arguments, fillcolor=FILL, resample=resample))
    difference = (ours.int() - tensor(theirs).int()).abs()
    assert difference.max() <= (0 if name in EXACT else 1)
    assert (difference > 0).float().mean() < 0.01


def test_masked_and_selected_rows_agree(pictures, monkeypatch):
    """What an accelerator does (compute all, keep some) equals what a CPU does (compute some)."""
    augmenter = Augmenter(Augmentation(randaugment=RandAugment(), mixup=1.0, cutmix=0.8), 10, MEAN, STD)
    labels = torch.arange(N) % 10
    selected = [augmenter(pictures, labels, generator(seed))[0] for seed in range(4)]
    monkeypatch.setattr(randaugment, "on_rows", rows.on_all)
    masked = [augmenter(pictures, labels, generator(seed))[0] for seed in range(4)]
    assert all(torch.equal(a, b) for a, b in zip(selected, masked, strict=True))


def test_crop_and_flip_beside_torchvision(pictures):
    """Padded crops and mirrors are exact."""
    top, left = torch.arange(N) % 9, (torch.arange(N) // 9) % 9
    flipped = torch.arange(N) % 2 == 0
    ours = geometry.crop_and_flip(pictures, top, left, flipped, 4)
    padded = TF.pad(pictures, [4, 4, 4, 4])
    for i in range(N):
        crop = TF.crop(padded[i], int(top[i]), int(left[i]), 32, 32)
        assert torch.equal(ours[i], TF.hflip(crop) if flipped[i] else crop)


def test_rotation_of_an_oblong_image():
    """Height and width are not mixed up."""
    image = torch.randint(0, 256, (1, 3, 20, 36), dtype=torch.uint8, generator=generator())
    ours = geometry.affine(
        image,
        geometry.rotation(torch.tensor([25.0]), 20, 36),
        torch.tensor([True]),
        torch.tensor(FILL, dtype=torch.uint8),
    )
    theirs = tensor([picture(image[0]).rotate(25, Image.Resampling.BICUBIC, fillcolor=FILL)])
    assert (ours.int() - theirs.int()).abs().max() <= 1


def test_resized_crop_beside_pil(pictures):
    """Enlarging and reducing, linear and cubic: at most one level from PIL's fixed-point result."""
    crops = resizing.draw_crops(N, 32, 32, generator(4))
    bicubic = torch.arange(N) % 2 == 0
    ours = resizing.resized_crop(pictures, crops, bicubic)
    theirs = []
    for i in range(N):
        top, left, rows, columns = (int(value[i]) for value in crops)
        resample = Image.Resampling.BICUBIC if bicubic[i] else Image.Resampling.BILINEAR
        box = picture(pictures[i]).crop((left, top, left + columns, top + rows))
        theirs.append(box.resize((32, 32), resample))
    assert (ours.int() - tensor(theirs).int()).abs().max() <= 1


@pytest.mark.parametrize("size", [(32, 32), (20, 60)])
def test_drawn_crops_are_distributed_as_timms(size):
    """Sides and places of random resized crops have timm's means, deviations and limits."""
    height, width = size
    n = 20_000
    ours = torch.stack(resizing.draw_crops(n, height, width, generator(5)))
    blank = Image.new("RGB", (width, height))
    draw = RandomResizedCropAndInterpolation.get_params
    theirs = torch.tensor([draw(blank, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(n)]).T[[0, 1, 2, 3]].float()
    assert_same_distribution(ours, theirs)


def assert_same_distribution(ours, theirs):
    """Compare the empirical distributions of two stacks of samples: Kolmogorov-Smirnov at 1 in 100,000 a row."""
    from scipy.stats import ks_2samp

    for a, b in zip(ours, theirs, strict=True):
        assert ks_2samp(a.numpy(), b.numpy()).pvalue > 1e-5


def test_luminance_is_pils(pictures):
    """The grey level is exact."""
    theirs = [np.asarray(picture(image).convert("L")) for image in pictures]
    assert np.array_equal(colour.luminance(pictures)[:, 0].numpy(), np.stack(theirs))


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.8), (0.4, 0.0), (0.0, 1.0)])
def test_mixing_shares_are_distributed_as_timms(mixup, cutmix):
    """The labels' own share, over both kinds of mixing, has timm's distribution."""
    n = 4000
    shares, means = mixing.own_share(
        n, (32, 32), mixup=mixup, cutmix=cutmix, probability=0.8, switch=0.5, generator=generator(6)
    )
    timm = Mixup(mixup, cutmix, prob=0.8, switch_prob=0.5, num_classes=2, label_smoothing=0.0)
    np.random.seed(0)  # noqa: NPY002 - timm draws from numpy's global generator
    theirs, ours_cut, theirs_cut = [], (shares.flatten(1).amax(1) != shares.flatten(1).amin(1)).float().mean(), []
    for _ in range(n):
        x, y = timm(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 1, 32, 32).clone(), torch.tensor([0, 1]))
        theirs.append(float(y[0, 0]))
        theirs_cut.append(float(x[0].amax() != x[0].amin()))
        assert float(x[0].mean()) == pytest.approx(1 - theirs[-1], abs=1e-5)
    assert torch.allclose(shares.mean((1, 2)), means)
    assert_same_distribution(means[None], torch.tensor([theirs]))
    assert abs(float(ours_cut) - np.mean(theirs_cut)) < 0.05


def test_mixing_beside_its_formula():
    """Partners are mirror places of the group, pixels and labels take their shares."""
    x = torch.randn(2, 4, 3, 8, 8, generator=generator())
    targets = torch.eye(4).expand(2, 4, 4)
    shares = torch.rand(2, 8, 8, generator=generator(1))
    means = shares.mean((1, 2))
    mixed, soft = mixing.mix(x, targets, shares, means)
    for group in range(2):
        for i in range(4):
            wanted = shares[group] * x[group, i] + (1 - shares[group]) * x[group, 3 - i]
            assert torch.allclose(mixed[group, i], wanted, atol=1e-6)
            assert soft[group, i, i] == pytest.approx(float(means[group]))
            assert soft[group, i, 3 - i] == pytest.approx(1 - float(means[group]), abs=1e-6)


def test_smoothed_targets_are_timms():
    """Label smoothing spreads its share over all classes, the label's own included."""
    from timm.data.mixup import mixup_target

    labels = torch.tensor([0, 3, 2])
    assert torch.allclose(mixing.smoothed_targets(labels, 5, 0.1), mixup_target(labels, 5, 1.0, 0.1))


def test_erasing_is_distributed_as_timms():
    """Share of erased images, and area, height and place of the boxes."""
    n = 8000
    ours = mixing.erase(torch.ones(n, 3, 16, 16), 0.25, generator(7))
    random.seed(0)  # timm draws from Python's global generator
    eraser = RandomErasing(0.25, device="cpu")
    theirs = torch.stack([eraser(torch.ones(3, 16, 16)) for _ in range(n)])

    def facts(x):
        hole = x[:, 0] == 0
        return torch.stack([hole.sum((1, 2)), hole.any(2).sum(1), hole.any(2).float().argmax(1)]).float()

    assert_same_distribution(facts(ours), facts(theirs))
    assert abs((facts(ours)[0] > 0).float().mean() - 0.25) < 0.025


def test_whole_pipeline_is_distributed_as_timms(pictures):
    """One image under the weak and RandAugment recipes: every pixel's mean and deviation agree with timm's pipeline."""
    from torchvision import transforms

    n = 3000
    image = pictures[20]
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - timm draws from numpy's global generator
    torch.manual_seed(0)
    pipeline = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4),
            transforms.RandomHorizontalFlip(),
            auto_augment.rand_augment_transform("rand-m9-n2-mstd1.0", {"img_mean": FILL, "translate_const": 14}),
            transforms.ToTensor(),
        ]
    )
    theirs = (torch.stack([pipeline(picture(image)) for _ in range(n)]).flatten(1) * 255).round() / 255
    augmenter = Augmenter(Augmentation(randaugment=RandAugment()), 10, MEAN, (1.0, 1.0, 1.0))
    batch = image.expand(n, 3, 32, 32).contiguous()
    ours = augmenter(batch, torch.zeros(n, dtype=torch.int64), generator(8))[0] + torch.tensor(MEAN).view(3, 1, 1)
    ours = (ours.flatten(1) * 255).round() / 255
    z = (ours.mean(0) - theirs.mean(0)) / ((ours.var(0) + theirs.var(0)) / n).sqrt()
    # 3072 correlated pixels: their z-scores are standard normal if the distributions agree.
    assert z.abs().max() < 6
    assert float(z.square().mean()) < 2.5
    assert torch.allclose(ours.std(0), theirs.std(0), rtol=0.12)
    assert_same_distribution(ours[:, 1500:1504].T, theirs[:, 1500:1504].T)


def test_same_generator_same_result_and_images_untouched(pictures):
    """The generator decides everything, and the data set stays as it is."""
    augmenter = Augmenter(
        Augmentation(randaugment=RandAugment(), mixup=1.0, cutmix=0.8, erasing=0.25), 10, MEAN, STD, 0.1
    )
    before, labels = pictures.clone(), torch.arange(N) % 10
    torch.manual_seed(0)
    first = augmenter(pictures, labels, generator(9))
    torch.manual_seed(1)
    second = augmenter(pictures, labels, generator(9))
    third = augmenter(pictures, labels, generator(10))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], third[0])
    assert torch.equal(pictures, before)
    assert first[0].dtype == first[1].dtype == torch.float32
    assert first[1].sum(1).allclose(torch.ones(N))


def test_autocast_changes_nothing(pictures):
    """Under the caller's bf16 autocast, levels keep their eight bits and more."""
    augmenter = Augmenter(Augmentation(resized_crop=True, randaugment=RandAugment()), 10, MEAN, STD)
    plain = augmenter(pictures, torch.zeros(N, dtype=torch.int64), generator())[0]
    with torch.autocast("cpu", torch.bfloat16):
        cast = augmenter(pictures, torch.zeros(N, dtype=torch.int64), generator())[0]
    assert torch.equal(plain, cast)


def test_groups_mix_only_within_themselves(pictures):
    """Several mini-batches at once: each has its own share and takes nothing from another."""
    augmenter = Augmenter(Augmentation(crop_padding=0, flip=0, mixup=1.0), 3, MEAN, STD)
    labels = torch.arange(3).repeat_interleave(20)
    targets = augmenter(pictures, labels, generator(), groups=3)[1]
    assert torch.equal(targets.argmax(1), labels)
    assert torch.allclose(targets.amax(1), torch.ones(N))
    targets = augmenter(pictures, torch.arange(N) % 2, generator(), groups=3)[1]
    assert len({round(float(t), 5) for t in targets[::2, 0]}) == 3
    with pytest.raises(VitworkError, match="cannot be divided into 7"):
        augmenter(pictures, labels, generator(), groups=7)


def test_no_augmentation_is_normalisation(pictures):
    """With everything off, images are normalised and targets are one-hot."""
    augmenter = Augmenter(Augmentation(crop_padding=0, flip=0.0), 10, MEAN, STD)
    x, targets = augmenter(pictures, torch.arange(N) % 10, generator())
    assert torch.allclose(x, TF.normalize(pictures / 255, MEAN, STD), atol=1e-5)
    assert torch.equal(targets.argmax(1), torch.arange(N) % 10)


@pytest.mark.parametrize("side", [16, 32])
def test_every_recipe_part_at_once(side):
    """The ImageNet recipe runs at other sizes too, and gives finite numbers."""
    images = torch.randint(0, 256, (24, 3, side, side), dtype=torch.uint8, generator=generator())
    settings = Augmentation(resized_crop=True, randaugment=RandAugment(std=0.5), mixup=1.0, cutmix=0.8, erasing=0.25)
    x, targets = Augmenter(settings, 5, MEAN, STD, 0.1)(images, torch.arange(24) % 5, generator())
    assert x.shape == images.shape
    assert x.isfinite().all()
    assert targets.isfinite().all()
