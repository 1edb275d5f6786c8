// Module uplink: what network.PPP of MicroPython 1.25 lacks on a Pico.
//
// Line(uart, baud, room)  the stream to give to network.PPP: a machine.UART of that rate with a transmit buffer of so many
//                         octets, read and written without ever waiting. network.PPP reads until nothing comes, and a UART
//                         waits for a character that may follow: a full line would starve the program. It also writes
//                         from an interrupt, where a UART with a full buffer waits and lets other callbacks in.
// Pipe(room)              the same for octets that somebody else moves: put(octets) what came, take(view) what is to go. Both
//                         give how many found room, of so many each way, a power of two.
// locked(function)        function(), with lwIP's timers held off. They run in an interrupt (PendSV), and network.PPP
//                         enters lwIP without holding them off as sockets do.
// multicast()             lets sockets join groups on every interface that is there; gives how many this was news to.
//                         lwIP gives a PPP interface no IGMP, and IP_ADD_MEMBERSHIP is then EINVAL.

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "lwip/igmp.h"
#include "lwip/netif.h"
#include "netif/ppp/ppp.h"
#include "mbedtls/rsa.h"
#include "hardware/timer.h"

#define EXPONENT_BITS (32)  // of a public key: those in use have 17
#define CHARACTER_BITS (10) // 8N1
#define POLL_OCTETS (1536)  // read in one PPP.poll(): about a packet, so that sockets are looked at between two of them

// A public key of RSA out of a certificate, read as ever, and refused where its exponent is as long as nobody needs it: the
// time that such a key takes grows with it, to seconds for each.
int mbedtls_rsa_parse_pubkey(mbedtls_rsa_context *rsa, const unsigned char *key, size_t size);
int uplink_parse_pubkey(mbedtls_rsa_context *rsa, const unsigned char *key, size_t size);
int uplink_parse_pubkey(mbedtls_rsa_context *rsa, const unsigned char *key, size_t size) {
    int fault = mbedtls_rsa_parse_pubkey(rsa, key, size);
    if (fault == 0 && mbedtls_mpi_bitlen(&rsa->MBEDTLS_PRIVATE(E)) > EXPONENT_BITS) {
        fault = MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    return fault;
}

typedef struct _line_obj_t {
    mp_obj_base_t base;
    mp_obj_t uart;
    mp_obj_t any[2]; // the bound method uart.any
    uint32_t baud;
    uint32_t room;
    uint32_t read;      // in this poll
    uint32_t waiting;   // octets that may still be in the transmit buffer ...
    uint64_t waiting_us; // ... at this instant
} line_obj_t;

static mp_obj_t line_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 3, 3, false);
    mp_get_stream_raise(args[0], MP_STREAM_OP_READ | MP_STREAM_OP_WRITE);
    line_obj_t *self = mp_obj_malloc(line_obj_t, type);
    self->uart = args[0];
    mp_load_method(args[0], MP_QSTR_any, self->any);
    mp_int_t baud = mp_obj_get_int(args[1]);
    mp_int_t room = mp_obj_get_int(args[2]);
    if (baud <= 0 || room <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("rate and room above 0"));
    }
    self->baud = baud;
    self->room = room;
    self->read = 0;
    self->waiting = 0;
    self->waiting_us = 0;
    return MP_OBJ_FROM_PTR(self);
}

// lwIP ends a link whose peer leaves echoes unanswered, and an answer waits behind all that the peer has sent before: on a
// call for longer than lwIP does. So whatever comes counts as one. (lwIP's own PPP_LCP_ADAPTIVE does not compile.)
static void heard(void) {
    struct netif *netif;
    NETIF_FOREACH(netif) {
        if (netif->name[0] == 'p' && netif->name[1] == 'p') {
            ((ppp_pcb *)netif->state)->lcp_echos_pending = 0;
        }
    }
}

static mp_uint_t line_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    line_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t there = mp_obj_get_int(mp_call_method_n_kw(0, 0, self->any));
    if (there == 0 || self->read >= POLL_OCTETS) {
        self->read = 0; // PPP.poll ends here
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    mp_uint_t done = mp_get_stream(self->uart)->read(self->uart, buffer, MIN(size, there), errcode);
    if (done != MP_STREAM_ERROR) {
        self->read += done;
        heard();
    }
    return done;
}

// What finds no room is refused as a whole: PPP then gives up the packet, and its far end drops the part that it has.
// How much room there is the UART does not tell, but how fast it empties is known.
static mp_uint_t line_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    line_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint64_t now_us = time_us_64();
    uint64_t sent = (now_us - self->waiting_us) * self->baud / (CHARACTER_BITS * 1000000);
    self->waiting -= MIN(self->waiting, sent);
    self->waiting_us = now_us;
    if (size > self->room - self->waiting) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    mp_uint_t done = mp_get_stream(self->uart)->write(self->uart, buffer, size, errcode);
    if (done != MP_STREAM_ERROR) {
        self->waiting += done;
    }
    return done;
}

static mp_uint_t line_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    line_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_get_stream(self->uart)->ioctl(self->uart, request, arg, errcode);
}

static const mp_stream_p_t line_stream = {
    .read = line_read,
    .write = line_write,
    .ioctl = line_ioctl,
};

// network.PPP asks its stream to call it at the end of a burst. We call it ourselves, outside of interrupts.
static mp_obj_t stream_irq(size_t n_args, const mp_obj_t *args) {
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(stream_irq_obj, 1, 3, stream_irq);

static const mp_rom_map_elem_t line_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&stream_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RXIDLE), MP_ROM_INT(0) },
};
static MP_DEFINE_CONST_DICT(line_locals, line_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    line_type,
    MP_QSTR_Line,
    MP_TYPE_FLAG_NONE,
    make_new, line_make_new,
    protocol, &line_stream,
    locals_dict, &line_locals
    );

// A ring has one who puts in and one who takes out, each of whom writes one index alone: what PPP writes from its
// interrupt needs no lock against take().
typedef struct _ring_t {
    uint8_t *octets;
    volatile size_t in;  // both run on for ever
    volatile size_t out;
} ring_t;

typedef struct _pipe_obj_t {
    mp_obj_base_t base;
    size_t room;
    ring_t down; // to the board
    ring_t up;
} pipe_obj_t;

static size_t ring_put(ring_t *ring, size_t room, const uint8_t *octets, size_t size) {
    size_t at = ring->in & (room - 1);
    size_t first = MIN(size, room - at);
    memcpy(ring->octets + at, octets, first);
    memcpy(ring->octets, octets + first, size - first);
    ring->in += size;
    return size;
}

static size_t ring_take(ring_t *ring, size_t room, uint8_t *octets, size_t size) {
    size = MIN(size, ring->in - ring->out);
    size_t at = ring->out & (room - 1);
    size_t first = MIN(size, room - at);
    memcpy(octets, ring->octets + at, first);
    memcpy(octets + first, ring->octets, size - first);
    ring->out += size;
    return size;
}

static mp_obj_t pipe_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_int_t room = mp_obj_get_int(args[0]);
    if (room <= 0 || (room & (room - 1))) {
        mp_raise_ValueError(MP_ERROR_TEXT("room: a power of two"));
    }
    pipe_obj_t *self = mp_obj_malloc(pipe_obj_t, type);
    self->room = room;
    self->down = (ring_t) { NULL, 0, 0 };
    self->up = (ring_t) { NULL, 0, 0 };
    self->down.octets = m_new(uint8_t, room);
    self->up.octets = m_new(uint8_t, room);
    return MP_OBJ_FROM_PTR(self);
}

static mp_uint_t pipe_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    pipe_obj_t *self = MP_OBJ_TO_PTR(self_in);
    size_t done = ring_take(&self->down, self->room, buffer, size);
    if (done == 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    heard();
    return done;
}

static mp_uint_t pipe_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    pipe_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (size > self->room - (self->up.in - self->up.out)) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return ring_put(&self->up, self->room, buffer, size);
}

static mp_uint_t pipe_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static mp_obj_t pipe_put(mp_obj_t self_in, mp_obj_t octets) {
    pipe_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t given;
    mp_get_buffer_raise(octets, &given, MP_BUFFER_READ);
    size_t size = MIN(given.len, self->room - (self->down.in - self->down.out));
    return MP_OBJ_NEW_SMALL_INT(ring_put(&self->down, self->room, given.buf, size));
}
static MP_DEFINE_CONST_FUN_OBJ_2(pipe_put_obj, pipe_put);

static mp_obj_t pipe_take(mp_obj_t self_in, mp_obj_t view) {
    pipe_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t given;
    mp_get_buffer_raise(view, &given, MP_BUFFER_WRITE);
    return MP_OBJ_NEW_SMALL_INT(ring_take(&self->up, self->room, given.buf, given.len));
}
static MP_DEFINE_CONST_FUN_OBJ_2(pipe_take_obj, pipe_take);

static const mp_stream_p_t pipe_stream = {
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
};

static const mp_rom_map_elem_t pipe_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_put), MP_ROM_PTR(&pipe_put_obj) },
    { MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&pipe_take_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&stream_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RXIDLE), MP_ROM_INT(0) },
};
static MP_DEFINE_CONST_DICT(pipe_locals, pipe_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    pipe_type,
    MP_QSTR_Pipe,
    MP_TYPE_FLAG_NONE,
    make_new, pipe_make_new,
    protocol, &pipe_stream,
    locals_dict, &pipe_locals
    );

static mp_obj_t uplink_locked(mp_obj_t function) {
    nlr_buf_t nlr;
    lwip_lock_acquire();
    if (nlr_push(&nlr) != 0) {
        lwip_lock_release();
        nlr_jump(nlr.ret_val);
    }
    mp_obj_t result = mp_call_function_0(function);
    nlr_pop();
    lwip_lock_release();
    return result;
}
static MP_DEFINE_CONST_FUN_OBJ_1(uplink_locked_obj, uplink_locked);

static mp_obj_t uplink_multicast(void) {
    mp_int_t news = 0;
    lwip_lock_acquire();
    struct netif *netif;
    NETIF_FOREACH(netif) {
        if (netif->flags & NETIF_FLAG_IGMP) {
            continue;
        }
        netif_set_flags(netif, NETIF_FLAG_IGMP);
        if (igmp_start(netif) == ERR_OK) {
            news += 1;
        } else { // no memory for the group of all hosts: as before, and it may be tried again
            netif_clear_flags(netif, NETIF_FLAG_IGMP);
        }
    }
    lwip_lock_release();
    return MP_OBJ_NEW_SMALL_INT(news);
}
static MP_DEFINE_CONST_FUN_OBJ_0(uplink_multicast_obj, uplink_multicast);

static const mp_rom_map_elem_t uplink_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_uplink) },
    { MP_ROM_QSTR(MP_QSTR_Line), MP_ROM_PTR(&line_type) },
    { MP_ROM_QSTR(MP_QSTR_Pipe), MP_ROM_PTR(&pipe_type) },
    { MP_ROM_QSTR(MP_QSTR_locked), MP_ROM_PTR(&uplink_locked_obj) },
    { MP_ROM_QSTR(MP_QSTR_multicast), MP_ROM_PTR(&uplink_multicast_obj) },
};
static MP_DEFINE_CONST_DICT(uplink_globals, uplink_globals_table);

const mp_obj_module_t uplink_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&uplink_globals,
};
MP_REGISTER_MODULE(MP_QSTR_uplink, uplink_module);
