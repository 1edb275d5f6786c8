"""What a title says of itself without a key."""

import json

import pytest
from headend.titles.info import read_info
from headend.titles.protection import CBCS, CENC, NONE
from settop.errors import RemoteError

from tests.helpers.tunes import KEY, KID, packed, tune


def test_a_film_says_its_tracks_encryption_extras_and_purchaser(tmp_path):
    made = packed(tune("film_mp3"), tmp_path / "title.mp4", CBCS, extras={"lyrics": b"la la"}, purchaser=7)
    found = read_info(made)
    assert (found.scheme, found.fragments, found.purchaser, found.note) == (CBCS, 3, 7, "")
    assert found.extras == {"title": 6, "lyrics": 5}
    film, sound = found.tracks
    assert (film.kind, film.codec, film.entry, film.samples) == ("video", "H.264", "avc1", 75)
    assert (sound.kind, sound.codec, sound.entry, sound.samples) == ("audio", "MP3", "mp4a", 116)
    assert film.kid == sound.kid == KID.hex() and film.iv == "constant, 16 bytes"
    assert (film.pattern, sound.pattern) == ("1:9", "")
    assert abs(found.duration_s - 3) < 0.1
    assert KEY.hex() not in json.dumps(found.as_json())


@pytest.mark.parametrize(
    ("name", "codecs"),
    [("aac", ["AAC"]), ("mp3", ["MP3"]), ("pcm", ["PCM"]), ("adpcm", ["IMA ADPCM"]), ("film_hevc", ["HEVC", "AAC"])],
)
def test_codecs_have_their_names_encrypted_or_not(name, codecs, tmp_path):
    for scheme in (NONE, CENC):
        found = read_info(packed(tune(name), tmp_path / "title.mp4", scheme))
        assert [track.codec for track in found.tracks] == codecs and found.scheme == scheme


def test_a_file_without_fragments_is_shown_too(tmp_path):
    found = read_info(tune("film"))
    assert (found.scheme, found.fragments, [track.samples for track in found.tracks]) == (NONE, 0, [75, 131])


def test_what_is_cut_is_said_and_what_is_there_is_shown(tmp_path):
    data = packed(tune("film"), tmp_path / "title.mp4", CENC).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[:-1000])
    found = read_info(tmp_path / "cut.mp4")
    assert found.note == "the file is cut: 1000 bytes of its last box, mdat, are missing"
    assert found.tracks[0].samples == 75


def test_what_is_no_mp4_is_refused(tmp_path):
    with pytest.raises(RemoteError, match="an MP4 file with ftyp"):
        read_info(tune("pcm"))
    (tmp_path / "nothing").write_bytes(b"")
    with pytest.raises(RemoteError, match="no moov"):
        read_info(tmp_path / "nothing")
