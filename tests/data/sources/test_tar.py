import bz2
import gzip
import lzma
import subprocess
import tarfile

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from tests.data import copies
from vitwork.data import DataSpec, load
from vitwork.data.sources import tar
from vitwork.data.sources.decoding import pixels_of
from vitwork.errors import VitworkError

FOLDER = DataSpec("folder")
pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture
def root(tmp_path):
    return copies.shards(tmp_path / "data")


def rewrite(root, files):
    with tarfile.open(root / "data-test-0000.tar", "w") as archive:
        for name, content in files:
            copies.add(archive, name, content)


def test_labels_in_json(root):
    """A sample may keep its label in a JSON file, before or after its picture."""
    picture = copies.encoded(copies.draw("test")[0][0])
    rewrite(root, [("a.json", b'{"label": 2}'), ("a.png", picture), ("b.png", picture), ("b.json", b'{"label": 1}')])
    assert sorted(load(FOLDER, root).test.labels.tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a.cls", b"1")], "sample a holds no image"),
        ([("a.png", b"junk"), ("a.cls", b"1")], "sample a is corrupt"),
        ([("d/a.png", b"junk"), ("d/a.cls", b"one")], "sample d/a has no class number"),
    ],
)
def test_bad_sample_is_named(root, files, message):
    """A sample without picture or label is named with its shard."""
    rewrite(root, files)
    with pytest.raises(VitworkError, match=rf"data-test-0000\.tar, {message}"):
        load(FOLDER, root)


def test_a_shard_cut_between_two_samples_is_named(root):
    """Nothing is broken there, but the archive's end is missing, and with it some images."""
    shard = root / "data-test-0000.tar"
    with tarfile.open(shard) as archive:
        start = archive.getmembers()[2].offset
    with shard.open("r+b") as file:
        file.truncate(start)
    with pytest.raises(VitworkError, match="has no end: it was cut off after sample"):
        load(FOLDER, root)


def test_truncated_shard_is_named(root):
    """A shard that ends in the middle of a file is refused."""
    path = root / "data-test-0000.tar"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(VitworkError, match=r"data-test-0000\.tar cannot be read as a tar file"):
        load(FOLDER, root)


def read(path, content):
    path.write_bytes(content)
    return list(tar._read(path))


def contents(examples):
    return [(example.content, example.label) for example in examples]


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """A shard, its content and its samples."""
    path = copies.shards(tmp_path_factory.mktemp("shard") / "data") / "data-test-0000.tar"
    content = path.read_bytes()
    return path, content, contents(read(path, content))


def headers(path, content):
    path.write_bytes(content)
    with tarfile.open(path) as archive:
        return [member.offset for member in archive]


def test_one_flipped_bit_in_a_header_drops_no_sample(shard):
    """Bits all over a header in the middle: the shard is refused, or, where the bit means nothing, read as it was."""
    path, content, wanted = shard
    start = headers(path, content)[5]
    refused = 0
    for bit in range(0, 8 * tarfile.BLOCKSIZE, 5):
        flipped = bytearray(content)
        flipped[start + bit // 8] ^= 1 << bit % 8
        try:
            assert contents(read(path, flipped)) == wanted
        except VitworkError:
            refused += 1
    assert refused > 800


@pytest.mark.parametrize("length", [1, 2, 7])
def test_a_hole_of_zeros_drops_no_sample(shard, length):
    """Zeros over any blocks but the last ones, which are zeros anyway, are noticed."""
    path, content, wanted = shard
    end = headers(path, content)[-1] + 2 * tarfile.BLOCKSIZE
    for start in range(0, end - length * tarfile.BLOCKSIZE, tarfile.BLOCKSIZE):
        hole = bytes(length * tarfile.BLOCKSIZE)
        samples = None
        with pytest.raises(VitworkError):  # noqa: PT012 - a picture of zeros is noticed by its decoder
            samples = read(path, content[:start] + hole + content[start + len(hole) :])
            for sample in samples:
                pixels_of(sample)
        assert samples is None or len(samples) == len(wanted)


@pytest.mark.parametrize("record", [512, 1024, 10240, 65536, 2**20])
def test_an_archive_filled_up_to_a_record_is_whole(shard, record):
    """Programs write archives in records of several sizes, the last of which they fill up with zeros."""
    path, content, wanted = shard
    end = content.rstrip(b"\0")
    length = -(-len(end) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE
    filled = end.ljust(-(-length // record) * record, b"\0")
    assert contents(read(path, filled)) == wanted


@pytest.mark.parametrize("samples", [1, 3, 5])
def test_a_hole_at_the_end_is_noticed(shard, samples):
    """More zeros than fill up the last record are the samples of a file that was never wholly written."""
    path, content, _ = shard
    start = headers(path, content)[-2 * samples]
    with pytest.raises(VitworkError, match=r"behind its end there is more|holds no sample"):
        read(path, (content + bytes(2 * 10240))[:start].ljust(len(content) + 2 * 10240, b"\0"))


@pytest.mark.parametrize("filled", [1024, 10240])
def test_a_shard_of_zeros_is_noticed(shard, filled):
    """It ends like an archive, but no sample lies in it."""
    with pytest.raises(VitworkError, match="holds no sample"):
        read(shard[0], bytes(filled))


def test_a_sample_that_is_there_twice_is_refused(root):
    """An archive to which another one was added may hold samples twice, which an order of its parts hides."""
    picture = copies.encoded(copies.draw("test")[0][0])
    once = [("a.png", picture), ("a.cls", b"1"), ("b.png", picture), ("b.cls", b"0")]
    rewrite(root, [*once, *once[:2]])
    with pytest.raises(VitworkError, match="sample a is there twice"):
        load(FOLDER, root)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_two_shards_joined_by_cat_are_refused(shard, pack):
    """The second one stands behind the end of the first, and would be lost."""
    path, content, wanted = shard
    assert contents(read(path, pack(content))) == wanted
    path.write_bytes(pack(content))
    joined = subprocess.run(["cat", path, path], check=True, capture_output=True).stdout
    with pytest.raises(VitworkError, match=r"behind its end there is more: .* two archives were joined"):
        read(path, joined)


def test_every_cut_is_named(shard):
    """Cut at any block, or within one, a shard is named; only zeros may be missing."""
    path, content, wanted = shard
    end = headers(path, content)[-1] + 2 * tarfile.BLOCKSIZE
    for length in (*range(0, len(content), tarfile.BLOCKSIZE), 1, 700, end + 100, end + 700):
        if length >= end + 2 * tarfile.BLOCKSIZE:
            assert contents(read(path, content[:length])) == wanted
        else:
            with pytest.raises(VitworkError, match=path.name):
                read(path, content[:length])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_damaged_compressed_shard_is_refused(shard, pack):
    """Flipped bits and cuts of a compressed shard fail its checksum."""
    path, content, _ = shard
    packed = pack(content)
    for place in range(12, len(packed) - 12, 97):
        flipped = bytearray(packed)
        flipped[place] ^= 16
        with pytest.raises(VitworkError, match="cannot be read as a tar file"):
            read(path, flipped)
        with pytest.raises(VitworkError, match="cannot be read as a tar file"):
            read(path, packed[:place])


def member(name="a.png", content=b"", **facts):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for fact, value in facts.items():
        setattr(entry, fact, value)
    block = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    return bytes(block) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member(size=-1024)], "negative size|invalid offset"),
        ([member(size=2**40)], "unexpected end of data|shorter than|MemoryError"),
        ([member(type=tarfile.SYMTYPE, linkname="b.png")], "is a link or a device"),
        ([member(type=tarfile.LNKTYPE, linkname="b.png")], "is a link or a device"),
        ([member(type=tarfile.FIFOTYPE)], "is a link or a device"),
        ([member(), member()], r"two files \.png"),
        ([member(), member(".")], r"a\.tar has a file called '\.', as only folders are: remove it\.$"),
        ([member(), member("a/..")], r"a\.tar has a file called 'a/\.\.', as only folders are"),
        ([member(), member("a.jpg")], "several images"),
        ([member("x", b"17 size=-99999999\n", type=tarfile.XHDTYPE), member()], "cannot be read as a tar file"),
    ],
)
def test_members_that_are_no_files_are_named(tmp_path, members, message):
    """Impossible sizes, links, devices and two files of one name would be left out or read for ever."""
    with pytest.raises(VitworkError, match=message):
        read(tmp_path / "a.tar", b"".join(members) + bytes(1024))


@seed(0)
@settings(max_examples=100, deadline=None, database=None)
@given(st.data())
def test_any_damage_is_refused_or_changes_no_count(shard, data):
    """Whatever bytes are changed, cut out or put in: as many samples as there were, or one sentence."""
    path, content, wanted = shard
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 2 * tarfile.BLOCKSIZE * len(wanted)))
        length = data.draw(st.sampled_from([0, 1, 2, 8, 512, 1024, 5000]))
        damaged[place : place + length] = data.draw(st.one_of(st.binary(max_size=16), st.just(bytes(length))))
    try:
        samples = read(path, damaged)
    except VitworkError:
        return
    assert len(samples) >= len(wanted)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"cls": b"0_1"}, "has no class number"),
        ({"cls": "\u0661".encode()}, "has no class number"),
        ({"json": b'{"label": "0_1"}'}, "has no class number"),
        ({"json": b'{"label": true}'}, "has the label True, which is not a class number"),
        ({"cls": b"1", "json": b'{"label": 2}'}, r"has the label 1 in its \.cls file and 2 in its \.json file"),
        ({"cls": b"1", "json": b'{"label": "2"}'}, r"has the label 1 in its \.cls file and 2 in its \.json file"),
        ({"json": b'{"label": 1, "label": 2}'}, r"has 2 labels in its \.json file"),
        ({"json": b'{"label": 1, "label": 1}', "cls": b"1"}, r"has 2 labels in its \.json file"),
        ({"json": b'[["label", 1]]'}, "has no class number"),
        ({"json": b'{"label": true}', "cls": b"1"}, r"has the label 1 in its \.cls file and True in"),
    ],
)
def test_labels_that_only_python_reads_or_that_disagree_are_refused(root, labels, message):
    """True, 0_1 and foreign digits are no class numbers, and of two labels none is known to be right."""
    picture = copies.encoded(copies.draw("test")[0][0])
    rewrite(root, [("a.png", picture), *((f"a.{kind}", content) for kind, content in labels.items())])
    with pytest.raises(VitworkError, match=f"sample a {message}"):
        load(FOLDER, root)


@pytest.mark.parametrize("beside", [b'{"label": 1}', b'{"label": " 1\\n"}', b'{"label": "dog"}', b'{"size": 8}', b"{"])
def test_json_beside_a_label_may_say_the_same_or_something_else(root, beside):
    """What is no other number in a sample's JSON file leaves the label of its .cls file as it is."""
    picture = copies.encoded(copies.draw("test")[0][0])
    for label in (b" 1\n", b"\xef\xbb\xbf1\r\n"):
        rewrite(root, [("a.png", picture), ("a.cls", label), ("a.json", beside)])
        assert load(FOLDER, root).test.labels.tolist() == [1]


@pytest.mark.parametrize("name", [".x", "./.x", "d/.x", ""])
def test_a_hidden_sample_is_named(root, name):
    """A sample whose name begins with a dot is no tool's, and would be left out."""
    picture = copies.encoded(copies.draw("test")[0][0])
    rewrite(root, [("a.png", picture), ("a.cls", b"1"), (f"{name}.png", picture), (f"{name}.cls", b"1")])
    with pytest.raises(VitworkError, match=r"data-test-0000\.tar has the picture .*\.png, which is hidden"):
        load(FOLDER, root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# classes\ncat\ndog\n", r"classnames\.txt has the comment '# classes'"),
        ("cat\n\ndog\neel\n", r"classnames\.txt has no name in line 2"),
        ("\ncat\ndog\n", r"classnames\.txt has no name in line 1"),
        ("cat\ndog\ncat\n", "has two classes called cat"),
    ],
)
def test_names_that_are_no_classes_of_their_own_are_refused(root, text, message):
    """A comment or a line without a name would shift names, and two classes of one name are one class or a wrong name."""
    (root / "classnames.txt").write_text(text)
    with pytest.raises(VitworkError, match=message):
        load(FOLDER, root)


def test_names_are_read_as_editors_write_them(root):
    """The mark that some put first is no part of a name, and further ends of lines that Unicode has end none."""
    names = ("x\u2028y", "été\x0b\x85z", *copies.CLASSES[2:])
    for end in ("\n", "\r\n", "\r"):
        (root / "classnames.txt").write_bytes(end.join((*names, "")).encode("utf-8-sig"))
        assert load(FOLDER, root).train.classes == names


def test_two_lists_of_names_that_disagree_are_refused(root):
    """Of two files of names, none is known to be right; they may say the same, and end in empty lines."""
    names = (root / "classnames.txt").read_text()
    (root / "classes.txt").write_text(f"{names}\n\n")
    assert load(FOLDER, root).train.classes == copies.CLASSES
    (root / "classes.txt").write_text("".join(sorted(names.splitlines(keepends=True), reverse=True)))
    with pytest.raises(VitworkError, match=r"classnames\.txt and .*classes\.txt disagree"):
        load(FOLDER, root)
