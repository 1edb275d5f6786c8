# The Pico with a network: see mpconfigboard.h.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP 1)
set(MICROPY_SOURCE_BOARD ${MICROPY_BOARD_DIR}/uplink.c)

# MEM_SIZE here takes all four sizes out of MicroPython's lwipopts_common.h. They are its own but for TCP_SND_BUF, of
# which it has eight segments: PPP copies each packet that it sends into lwIP's heap of MEM_SIZE, where the unacknowledged
# ones lie too, and with more than four segments of them send() fails with ENOMEM in the middle of a stream.
# Of PPP: a request is asked again after 3 s as RFC 1661 has it, not after 6; and a peer that leaves three echoes in a row
# unanswered, 5 s apart, is gone: a serial line has no other way to tell. FSM_DEFMAXTERMREQS: a connection that is ended
# tells its peer so once and is over; while lwIP waited for an answer, network.PPP would give up its memory under lwIP.
list(APPEND MICROPY_DEF_BOARD
    MEM_SIZE=8000
    TCP_MSS=800
    TCP_WND=6400
    TCP_SND_BUF=3200
    MEMP_NUM_TCP_SEG=32
    FSM_DEFTIMEOUT=3
    FSM_DEFMAXTERMREQS=0
    LCP_ECHOINTERVAL=5
    LCP_MAXECHOFAILS=3
)

# Whoever answers for a server decides what its certificates make us compute, before settop has seen one. So no number is
# of more than 2,048 bits, which RSA may have, no exponent of more than 32 (uplink.c, between pkparse.c and rsa.c), and three
# certificates at most lie between a server's and the authority's.
list(APPEND MICROPY_DEF_BOARD
    MBEDTLS_MPI_MAX_SIZE=256
    MBEDTLS_X509_MAX_INTERMEDIATE_CA=3
)
set_source_files_properties(${MICROPY_DIR}/lib/mbedtls/library/pkparse.c PROPERTIES
    COMPILE_DEFINITIONS mbedtls_rsa_parse_pubkey=uplink_parse_pubkey)

# Mbed TLS multiplies in assembler, and what counts for elliptic curves is compiled for speed where all else is for size: a
# handshake (P-256, the server's certificate checked) takes 0.98 s instead of 1.37, for 5 KB of flash and no heap.
list(APPEND MICROPY_DEF_BOARD MBEDTLS_HAVE_ASM)
foreach(name bignum bignum_core constant_time ecp ecp_curves)
    set_source_files_properties(${MICROPY_DIR}/lib/mbedtls/library/${name}.c PROPERTIES COMPILE_OPTIONS "-O2")
endforeach()
