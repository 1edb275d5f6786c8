"""Files as other packagers make them: IVs and maps in either place, keys that change by groups, constant IVs."""

import struct

import av
import pytest
from headend.titles.info import read_info
from headend.titles.keys import Keys
from headend.titles.opening import unpack
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError

from tests.helpers.mp4_edit import Edited, Node
from tests.helpers.tunes import KEY, KID, Target, packed, packets, stored, tune

OTHER = bytes(range(0x20, 0x30))
PIFF = bytes.fromhex("a2394f525a9b4f14a2446c427c648df4")
LOCKS = [(CENC, "8"), (CENC, "16"), (CBCS, "16")]
locks = pytest.mark.parametrize(("scheme", "iv"), LOCKS)
tracks = pytest.mark.parametrize("name", ["aac", "silent_film"])


def opens(path, folder, name, keys=None):
    with Target(folder / "opened.mp4") as output:
        done = unpack(path, output, keys or Keys({KID: KEY}))
    assert packets(folder / "opened.mp4") == packets(packed(tune(name), folder / "clear.mp4", NONE))
    assert len((folder / "opened.mp4").read_bytes()) == len(path.read_bytes())
    return done


def edited(name, folder, scheme, iv=None):
    return Edited(packed(tune(name), folder / "title.mp4", scheme, iv))


@locks
@tracks
@pytest.mark.parametrize("gone", [(b"senc",), (b"saiz", b"saio")], ids=["senc is gone", "saiz and saio are gone"])
def test_one_of_the_two_places_is_enough(gone, name, scheme, iv, tmp_path):
    file = edited(name, tmp_path, scheme, iv)
    for traf in file.trafs():
        for part in traf.parts:
            if part.kind in gone:
                part.kind = b"free"
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, name)


@locks
@tracks
def test_what_saio_names_may_lie_among_the_media_or_behind_them(name, scheme, iv, tmp_path):
    file = edited(name, tmp_path, scheme, iv)
    entries = []
    for traf in file.trafs():
        (senc,) = traf.take(b"senc")
        entries.append(senc.fields[8:])
    file.offsets_follow = False
    medias = [node for node in file.tops if node.kind == b"mdat"]
    for number, (media, own) in enumerate(zip(medias, entries, strict=True)):
        if number < len(entries) - 1:
            media.fields += own  # the last one's goes behind all, into a box of its own
    file.tops.append(Node(b"free", entries[-1]))
    file.save(tmp_path / "edited.mp4")
    data, at = (tmp_path / "edited.mp4").read_bytes(), 0
    for moof, media, own in zip(file.moofs(), medias, entries, strict=True):
        start = data.index(moof.pack())
        saio = moof.first(b"traf", b"saio")
        place = data.rindex(own) if media is medias[-1] else start + len(moof.pack()) + len(media.pack()) - len(own)
        saio.fields = saio.fields[:8] + struct.pack(">I", place - start)
        data = data[:start] + moof.pack() + data[start + len(moof.pack()) :]
        at = start
    assert at
    (tmp_path / "edited.mp4").write_bytes(data)
    opens(tmp_path / "edited.mp4", tmp_path, name)


@tracks
def test_senc_by_the_number_that_it_had(name, tmp_path):
    file = edited(name, tmp_path, CENC)
    for traf in file.trafs():
        traf.take(b"saiz", b"saio")
        (senc,) = traf.take(b"senc")
        traf.parts.append(Node(b"uuid", PIFF + senc.fields))
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, name)


def test_a_saio_that_has_a_kind_and_long_offsets_is_read(tmp_path):
    file = edited("aac", tmp_path, CENC)
    file.offsets_follow = False
    for moof in file.moofs():
        traf = moof.first(b"traf")
        saiz, saio, senc = traf.first(b"saiz"), traf.first(b"saio"), traf.first(b"senc")
        saiz.fields = b"\0\0\0\1cenc" + bytes(4) + saiz.fields[4:]
        saio.fields = b"\1\0\0\1cenc" + bytes(4) + struct.pack(">IQ", 1, 0)
        senc.kind = b"free"
        place = moof.pack().index(senc.pack()) + 16
        saio.fields = saio.fields[:-8] + struct.pack(">Q", place)
        # Another kind's stands in front, and is passed over.
        traf.parts[0:0] = [
            Node(b"saiz", b"\0\0\0\1else" + bytes(4) + b"\x08" + bytes(4)),
            Node(b"saio", b"\0\0\0\1else" + bytes(8)),
        ]
        saio.fields = saio.fields[:-8] + struct.pack(">Q", moof.pack().index(senc.pack()) + 16)
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, "aac")


@pytest.mark.parametrize(
    "gone", [(), (b"senc",), (b"saiz", b"saio")], ids=["both", "senc is gone", "saiz and saio are gone"]
)
@pytest.mark.parametrize("name", ["aac", "mp3", "film"])
@pytest.mark.parametrize("front", [True, False])
def test_files_without_fragments_are_opened(front, name, gone, tmp_path):
    """By FFmpeg's own muxer: tables in `moov`, in front of the media or behind."""
    made = tmp_path / "theirs.mp4"
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY.hex(), "encryption_kid": KID.hex()}
    options |= {"movflags": "faststart"} if front else {}
    with av.open(tune(name)) as source, av.open(made, "w", options=options) as target:
        routes = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = routes[packet.stream.index]
                target.mux(packet)
    data = made.read_bytes()
    for kind in gone:
        assert kind in data
        data = data.replace(kind, b"free")
    made.write_bytes(data)
    with Target(tmp_path / "opened.mp4") as output:
        done = unpack(made, output, Keys({KID: KEY}))
    assert packets(tmp_path / "opened.mp4") == packets(tune(name))
    assert done.decrypted == sum(len(one) for _, one in packets(tune(name)))


def seig(is_protected, iv_bytes, kid, constant=b"", pattern=0):
    constant = bytes((len(constant),)) + constant if is_protected and not iv_bytes else b""
    return bytes((0, pattern, is_protected, iv_bytes)) + kid + constant


def described(*groups, version=1):
    """An `sgpd` of `seig`; of version 1 with lengths of their own, where they differ."""
    length = len(groups[0]) if len({len(group) for group in groups}) == 1 else 0
    rows = b"".join((b"" if length else struct.pack(">I", len(group))) + group for group in groups)
    head = b"seig" + (struct.pack(">I", length) if version else b"") + struct.pack(">I", len(groups))
    return Node(b"sgpd", bytes((version, 0, 0, 0)) + head + rows)


def spans(*rows):
    packed_rows = b"".join(struct.pack(">II", *row) for row in rows)
    return Node(b"sbgp", bytes(4) + b"seig" + struct.pack(">I", len(rows)) + packed_rows)


def set_kid(file, kid):
    tenc = file.entry.first(b"sinf", b"schi", b"tenc")
    tenc.fields = tenc.fields[:8] + kid + tenc.fields[24:]


@locks
@tracks
@pytest.mark.parametrize("version", [0, 1])
def test_keys_that_the_fragment_names_are_followed(version, name, scheme, iv, tmp_path):
    file = edited(name, tmp_path, scheme, iv)
    pattern = file.entry.first(b"sinf", b"schi", b"tenc").fields[5]
    set_kid(file, OTHER)
    for traf in file.trafs():
        traf.parts += [described(seig(1, int(iv), KID, pattern=pattern), version=version), spans((1000, 0x10001))]
    path = file.save(tmp_path / "edited.mp4")
    opens(path, tmp_path, name)
    with pytest.raises(RemoteError, match=KID.hex()), Target(tmp_path / "none.mp4") as output:
        unpack(path, output, Keys({OTHER: KEY}))
    assert read_info(path).tracks[0].key_ids == [KID.hex()]


def test_keys_that_moov_names_are_followed_for_the_samples_that_have_them(tmp_path):
    file = edited("aac", tmp_path, CENC)
    file.table.parts.append(described(seig(1, 8, OTHER), seig(1, 8, KID)))
    set_kid(file, bytes(16))
    for traf in file.trafs():
        traf.parts.append(spans((5, 2), (10, 2), (1, 1), (4, 0)))
    # The rest of each fragment has no group: the track's own key.
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, "aac", Keys({KID: KEY, OTHER: KEY, bytes(16): KEY}))
    for missing, before in ((KID, 0), (OTHER, 15), (bytes(16), 16)):
        keys = {kid: KEY for kid in (KID, OTHER, bytes(16)) if kid != missing}
        with (
            pytest.raises(RemoteError, match=f"no key for key id {missing.hex()}") as caught,
            Target(tmp_path / "n.mp4") as output,
        ):
            unpack(tmp_path / "edited.mp4", output, Keys(keys))
        assert getattr(caught.value, "samples", 0) == before


@pytest.mark.parametrize("gone", [(b"senc",), (b"saiz", b"saio")], ids=["senc is gone", "saiz and saio are gone"])
def test_clear_samples_among_encrypted_ones_are_left_alone(gone, tmp_path):
    """Every second sample's encryption is undone, and a group says that it is clear."""
    clear = packed(tune("aac"), tmp_path / "plain.mp4", NONE)
    plain = packets(clear)[0][1]
    file = edited("aac", tmp_path, CENC)
    number = 0
    medias = [node for node in file.tops if node.kind == b"mdat"]
    for traf, media in zip(file.trafs(), medias, strict=True):
        (senc,) = [part for part in traf.parts if part.kind == b"senc"]
        ivs, at, kept = senc.fields[8:], 0, []
        octets = bytearray(media.fields)
        for each in range(len(ivs) // 8):
            if each % 2:
                octets[at : at + len(plain[number])] = plain[number]
            else:
                kept.append(ivs[8 * each : 8 * each + 8])
            at += len(plain[number])
            number += 1
        media.fields = bytes(octets)
        count = len(ivs) // 8
        traf.take(b"saiz", b"saio", b"senc")
        sizes = bytes(0 if each % 2 else 8 for each in range(count))
        traf.parts.append(Node(b"saiz", bytes(5) + struct.pack(">I", count) + sizes))
        traf.parts.append(Node(b"saio", bytes(4) + struct.pack(">II", 1, 0)))
        traf.parts.append(Node(b"senc", bytes(4) + struct.pack(">I", count) + b"".join(kept)))
        rows = [(1, 0x10001 if each % 2 else 0) for each in range(count)]
        traf.parts += [described(seig(0, 0, bytes(16))), spans(*rows)]
    file.save(tmp_path / "both.mp4")
    data = (tmp_path / "both.mp4").read_bytes()
    for kind in gone:
        data = data.replace(kind, b"free")
    (tmp_path / "edited.mp4").write_bytes(data)
    done = opens(tmp_path / "edited.mp4", tmp_path, "aac")
    assert abs(done.decrypted - done.clear) <= 3 and done.clear > 60


def test_constant_ivs_of_groups(tmp_path):
    file = edited("aac", tmp_path, CBCS)
    tenc = file.entry.first(b"sinf", b"schi", b"tenc").fields
    assert tenc[7] == 0 and tenc[24] == 16
    constant = tenc[25:41]
    set_kid(file, OTHER)
    for traf in file.trafs():
        traf.parts += [described(seig(1, 0, KID, constant), seig(0, 0, KID)), spans((1000, 0x10001))]
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, "aac")


def test_what_has_no_group_among_groups_of_other_things_is_the_tracks(tmp_path):
    file = edited("aac", tmp_path, CENC)
    file.table.parts.append(Node(b"sgpd", b"\1\0\0\0roll" + struct.pack(">IIh", 2, 1, -1)))
    for traf in file.trafs():
        traf.parts.append(Node(b"sbgp", bytes(4) + b"roll" + struct.pack(">III", 1, 1000, 1)))
    opens(file.save(tmp_path / "edited.mp4"), tmp_path, "aac")
    assert b"roll" in (tmp_path / "opened.mp4").read_bytes()
    assert (tmp_path / "opened.mp4").read_bytes().count(b"sgpd") == 1


def test_several_runs_in_one_fragment_follow_each_other(tmp_path):
    """The second run has no offset: it begins where the first ends. `saio` has one place for each."""
    file = edited("aac", tmp_path, CENC)
    file.offsets_follow = False
    for moof in file.moofs():
        traf = moof.first(b"traf")
        run = traf.first(b"trun")
        (count,) = struct.unpack_from(">I", run.fields, 4)
        half, sizes = count // 2, run.fields[12:]
        width = len(sizes) // count
        run.fields = run.fields[:4] + struct.pack(">I", half) + run.fields[8:12] + sizes[: width * half]
        flags = run.fields[:3] + bytes((run.fields[3] & ~1,))
        second = flags + struct.pack(">I", count - half) + sizes[width * half :]
        traf.parts.insert(traf.parts.index(run) + 1, Node(b"trun", second))
        saio, senc = traf.first(b"saio"), traf.first(b"senc")
        saio.fields = bytes(4) + struct.pack(">III", 2, 0, 0)
        place = moof.pack().index(b"senc") + 12
        saio.fields = bytes(4) + struct.pack(">III", 2, place, place + 8 * half)
        senc.kind = b"free"
    path = file.save(tmp_path / "edited.mp4")
    # FFmpeg has a second run without an offset begin elsewhere than 14496-12, 8.8.8.3 says, and is no judge of it.
    with Target(tmp_path / "opened.mp4") as output:
        unpack(path, output, Keys({KID: KEY}))
    assert stored(tmp_path / "opened.mp4") == stored(packed(tune("aac"), tmp_path / "clear.mp4", NONE))
