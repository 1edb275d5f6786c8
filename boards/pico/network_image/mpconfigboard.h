// The Pico with a network: the stock board, IP over a serial line, and room for both beside settop. The name stays the
// stock board's: it is the same board.
#define MICROPY_HW_BOARD_NAME                   "Raspberry Pi Pico"

// The file system is the last MiB of the flash, so the image has the first one, less the keystore's four blocks, which
// keep their place just below the file system.
#define MICROPY_HW_FLASH_STORAGE_BYTES          (1024 * 1024)

#define MICROPY_PY_NETWORK                      (1)
#define MICROPY_PY_NETWORK_PPP_LWIP             (1)

// They come along with MICROPY_PY_NETWORK and nothing here uses them.
#define MICROPY_PY_WEBSOCKET                    (0)
#define MICROPY_PY_WEBREPL                      (0)
