"""Named mutants: a change of the code that somebody could make by mistake, and the fast tests that must notice it.

`old` stands exactly once in the file; where the code has moved on, the mutant is rewritten with it. To add one: give it
a name that says what breaks, and the fewest modules that ought to fail.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` in `file` becomes `new`; at least one test of `noticed_by` must fail. Paths are the checkout's."""

    name: str
    file: str
    old: str
    new: str
    noticed_by: tuple[str, ...]


MUTANTS = (
    Mutant(
        "keyring drops keys without wiping them",
        "firmware/settop/player/keyring.py",
        "wipe_aes(self._ciphers.pop(portion))",
        "self._ciphers.pop(portion)",
        ("tests/firmware/test_keyring.py", "tests/link/test_a_on_pico.py"),
    ),
    Mutant(
        "keyring leaves the control word that it was given",
        "firmware/settop/player/keyring.py",
        "        finally:\n            wipe(key)",
        "        finally:\n            pass",
        ("tests/firmware/test_keyring.py",),
    ),
    Mutant(
        "hanging up in a portion drops its key as well",
        "firmware/settop/player/keyring.py",
        "if p > portion",
        "if p >= portion",
        ("tests/firmware/test_keyring.py", "tests/firmware/test_call_service.py"),
    ),
    Mutant(
        "ECM of the wrong parity is believed",
        "firmware/settop/wire/ecm.py",
        "if table - TABLE_EVEN != portion & 1:",
        "if False:",
        ("tests/firmware/test_ecm_wire.py",),
    ),
    Mutant(
        "ECM with a wrong CRC is believed",
        "firmware/settop/wire/ecm.py",
        "if crc32_mpeg2(section) != 0:",
        "if False:",
        ("tests/firmware/test_ecm_wire.py",),
    ),
    Mutant(
        "portion is charged each time it is delivered",
        "host/headend/callcentre/store_ledger.py",
        "if self._claim(connection, record, portion, record.portion_price):",
        "if self._claim(connection, record, portion, record.portion_price) or True:",
        ("tests/host/test_ledger.py", "tests/link/test_call_charges.py"),
    ),
    Mutant(
        "outdated token is believed",
        "host/headend/callcentre/tokens.py",
        "return Shown(is_old, is_old and pending is not None, old)",
        "return Shown(True, is_old and pending is not None, old)",
        ("tests/link/test_call_clones.py",),
    ),
    Mutant(
        "token stays valid although the next one is stored",
        "host/headend/callcentre/store_ledger.py",
        ".values(token_old=token, token_pending=None)",
        ".values(token_pending=token)",
        ("tests/link/test_call_clones.py", "tests/host/test_ledger.py"),
    ),
    Mutant(
        "keys leave although the last token never arrived",
        "host/headend/callcentre/core.py",
        "if self._rolling is not None and self._rolling.unfinished:",
        "if False:",
        ("tests/link/test_call_clones.py",),
    ),
    Mutant(
        "key leaves in one call more than it may",
        "host/headend/callcentre/store_ledger.py",
        ">= DELIVERIES_LIMIT",
        "> DELIVERIES_LIMIT",
        ("tests/link/test_call_clones.py", "tests/host/test_ledger.py"),
    ),
    Mutant(
        "token is acknowledged that is not stored",
        "firmware/settop/services/call/service.py",
        "if store_token(self._records, self._token_of, token, self._report):",
        "if store_token(self._records, self._token_of, token, self._report) or True:",
        ("tests/firmware/test_call_kept.py",),
    ),
    Mutant(
        "token of an earlier identity is shown",
        "firmware/settop/services/call/kept.py",
        "if data is not None and data[1:_TOKEN_AT] == terminal_id:",
        "if data is not None:",
        ("tests/firmware/test_call_kept.py", "tests/link/test_call_clones.py"),
    ),
    Mutant(
        "store writes the slot that is current",
        "firmware/settop/keystore/keystore.py",
        "self.put(stem, 1 - found.slot, slot)",
        "self.put(stem, found.slot, slot)",
        ("tests/firmware/test_keystore_power.py",),
    ),
    Mutant(
        "list is written where the current one is",
        "firmware/settop/keystore/keystore.py",
        "self.put(LIST, 1 - self.slot, slot)\n        if",
        "self.put(LIST, self.slot, slot)\n        if",
        ("tests/firmware/test_keystore_power.py",),
    ),
    Mutant(
        "damaged slot is not written anew",
        "firmware/settop/keystore/keystore.py",
        "if value is not None and found.whole < 2:",
        "if False:",
        (
            "tests/firmware/test_keystore_power.py",
            "tests/firmware/test_keystore_rollback.py",
        ),
    ),
    Mutant(
        "counted record of another count is taken",
        "firmware/settop/keystore/keystore.py",
        "if its_kind != kind or (exact and sequence != exact):",
        "if its_kind != kind:",
        ("tests/firmware/test_keystore_rollback.py",),
    ),
    Mutant(
        "list behind the counter is taken",
        "firmware/settop/keystore/boot.py",
        "if keystore.count > found.sequence:",
        "if keystore.count > found.sequence + 1:",
        ("tests/firmware/test_keystore_rollback.py",),
    ),
    Mutant(
        "old files go before a list has their boot number",
        "firmware/settop/keystore/boot.py",
        "if not keystore.count:",
        "if False:",
        ("tests/firmware/test_keystore_migrate.py",),
    ),
    Mutant(
        "store after a failed one does not burn its count",
        "firmware/settop/keystore/keystore.py",
        "if self.unsure:",
        "if False:",
        ("tests/firmware/test_keystore_rollback.py",),
    ),
    Mutant(
        "record that the list does not name is none",
        "firmware/settop/keystore/keystore.py",
        "if value is None and not found.files:",
        "if value is None:",
        (
            "tests/firmware/test_keystore_rollback.py",
            "tests/firmware/test_keystore.py",
        ),
    ),
    Mutant(
        "first store names nothing as pending",
        "firmware/settop/keystore/changes.py",
        "keystore.commit(keystore.entries, stem)\n    sequence",
        "sequence",
        ("tests/firmware/test_keystore_power.py",),
    ),
    Mutant(
        "lock key is stored before the records are sealed",
        "firmware/settop/keystore/relock.py",
        "    _seal_all(keystore, lock, rows)\n    keystore.board.store_lock(lock)",
        "    keystore.board.store_lock(lock)\n    _seal_all(keystore, lock, rows)",
        ("tests/firmware/test_keystore_power.py",),
    ),
    Mutant(
        "migration forgets the boot number",
        "firmware/settop/keystore/migrate.py",
        "keystore.base = _last_boot(keystore)",
        "keystore.base = 0",
        ("tests/firmware/test_keystore_migrate.py",),
    ),
    Mutant(
        "CCM compares half of the tag",
        "firmware/settop/crypto/ccm.py",
        "equal(memoryview(mac)[:tag_len], memoryview(sealed)[length:])",
        "equal(memoryview(mac)[: tag_len // 2], memoryview(sealed)[length : length + tag_len // 2])",
        ("tests/firmware/test_ccm.py",),
    ),
    Mutant(
        "comparison forgets all but the last octet",
        "firmware/settop/crypto/compare.py",
        "difference |= a[i] ^ other[i]",
        "difference = a[i] ^ other[i]",
        ("tests/firmware/test_compare.py",),
    ),
    Mutant(
        "key unwrap takes whatever comes out",
        "firmware/settop/crypto/keywrap.py",
        "genuine = equal(memoryview(block)[:8], _CHECK_VALUE)",
        "genuine = True",
        ("tests/firmware/test_keywrap.py",),
    ),
    Mutant(
        "tuner that lost step skips the octet behind",
        "firmware/settop/player/player.py",
        "        at += 1\n        while at < self._have:",
        "        at += 2\n        while at < self._have:",
        ("tests/firmware/test_player.py", "tests/firmware/test_player_adversaries.py"),
    ),
    Mutant(
        "provisioning seals without tying the key to the board",
        "firmware/settop/wire/provision.py",
        "        + bytes(board_public)\n",
        "        + bytes(32)\n",
        ("tests/firmware/test_provision_wire.py",),
    ),
    Mutant(
        "a board takes an identity from any head-end",
        "firmware/settop/services/provision.py",
        "((0, self._host_public), (x25519.KEY_BYTES, headend))",
        "((0, self._host_public), (x25519.KEY_BYTES, None))",
        ("tests/firmware/test_provision.py",),
    ),
    Mutant(
        "a host may show another key than it announced",
        "firmware/settop/services/provision.py",
        "if not equal(sha256(wire.COMMIT_LABEL, host_public), self._commit):",
        "if False:",
        ("tests/firmware/test_provision.py", "tests/host/test_provisioning_attacks.py"),
    ),
    Mutant(
        "whoever says that there is no identity replaces one",
        "firmware/settop/services/provision.py",
        "if authority == wire.AUTHORITY_FIRST and has:",
        "if False:",
        ("tests/firmware/test_provision.py",),
    ),
    Mutant(
        "the old device key is claimed and not needed",
        "firmware/settop/services/provision.py",
        "secret[2 * x25519.KEY_BYTES :] = memoryview(record)[_KEY_AT:]",
        "pass",
        ("tests/firmware/test_provision.py",),
    ),
    Mutant(
        "any number is consent",
        "firmware/settop/services/provision.py",
        "if not equal(number.encode(), asked.encode()):",
        "if False:",
        ("tests/firmware/test_provision.py",),
    ),
    Mutant(
        "a provisioning leaves what the old identity kept",
        "firmware/settop/services/provision.py",
        "for name in names(keystore, service) if name not in here",
        "for name in ()",
        ("tests/firmware/test_provision_cuts.py",),
    ),
    Mutant(
        "codes are not compared",
        "host/headend/provisioning/exchange.py",
        "return hmac.compare_digest(shown.strip().encode(), self.code.encode())",
        "return True",
        ("tests/host/test_provisioning_attacks.py",),
    ),
    Mutant(
        "a person who sees another code is not heard",
        "emulator/testbed/commands/_dialogue.py",
        "if not person.same(exchange.code):",
        "if False:",
        ("tests/host/test_provisioning_attacks.py", "tests/host/test_provisioning.py"),
    ),
    Mutant(
        "a hang-up keeps the next portion's key",
        "firmware/settop/services/call/service.py",
        "        keyring.drop_after(running)",
        "        pass",
        ("tests/link/test_call_service_keys.py",),
    ),
    Mutant(
        "a hang-up without a portion keeps every key",
        "firmware/settop/services/call/service.py",
        "        keyring.wipe()\n    else:",
        "        pass\n    else:",
        ("tests/link/test_call_service_keys.py",),
    ),
    Mutant(
        "old keys stay when a new one comes",
        "firmware/settop/services/call/service.py",
        "        self._keyring.drop_before(portion - 1 if running is None else running)\n",
        "",
        ("tests/link/test_call_service_keys.py",),
    ),
    Mutant(
        "the opener does not hear of keys that come and go",
        "firmware/settop/player/keyring.py",
        "            self.on_change()",
        "            pass",
        ("tests/link/test_call_service_keys.py",),
    ),
    Mutant(
        "a service that failed is called again",
        "firmware/settop/registry.py",
        "[one for one in self._running if one[1] is not service]",
        "self._running",
        ("tests/firmware/test_registry.py",),
    ),
    Mutant(
        "revoked terminal is found",
        "host/headend/callcentre/store_ledger.py",
        "if row is None or device_key is None or row.revoked_ms is not None:",
        "if row is None or device_key is None:",
        ("tests/host/test_revoking.py",),
    ),
    Mutant(
        "unknown terminal costs no unwrapping",
        "host/headend/accounts/terminals.py",
        "                self._master_key.open(bytes(TERMINAL_ID_BYTES), self._stranger)\n",
        "",
        ("tests/host/test_accounts.py",),
    ),
    Mutant(
        "new master key is drawn over the old one",
        "host/headend/accounts/rotating.py",
        "file.write([draw_master_key(), *held])",
        "file.write([draw_master_key()])",
        ("tests/host/test_rotating.py",),
    ),
    Mutant(
        "old master key leaves the file before everything is sealed anew",
        "host/headend/accounts/rotating.py",
        "        rotated = seal_anew(engine, old, new, progress, pause)\n        file.write([new])",
        "        file.write([new])\n        rotated = seal_anew(engine, old, new, progress, pause)",
        ("tests/host/test_rotating.py",),
    ),
    Mutant(
        "restored database keeps the tokens of before",
        "host/headend/callcentre/restored.py",
        "connection.execute(update(Subscriber).values(token_old=None, token_pending=None))",
        "pass",
        ("tests/host/test_backup.py",),
    ),
    Mutant(
        "backup leaves what is in the write-ahead log beside it",
        "host/headend/accounts/backup.py",
        'connection.execute("PRAGMA journal_mode=DELETE")',
        "pass",
        ("tests/host/test_backup.py",),
    ),
)
