/* TensorBoard's event files, by hand.
 *
 * A file is a sequence of records (TensorFlow, core/lib/io/record_writer.h):
 *   u64 length; u32 mask(crc32c(length)); length bytes; u32 mask(crc32c(bytes))
 * little-endian, mask(c) = rotr(c, 15) + 0xa282ead8. The bytes are a protocol buffer Event:
 *   1 double wall_time, 2 int64 step, 3 string file_version, 5 Summary summary;
 *   Summary: 1 Value value;  Value: 1 string tag, 2 float simple_value.
 * The first record is a file_version "brain.Event:2". */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "train/egi_train.h"

uint32_t egi_crc32c(const uint8_t *p, size_t n)
{
    uint32_t c = ~(uint32_t)0;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (0x82f63b78u & (0u - (c & 1)));
    }
    return ~c;
}

static uint32_t masked(const uint8_t *p, size_t n)
{
    const uint32_t c = egi_crc32c(p, n);
    return (c >> 15 | c << 17) + 0xa282ead8u;
}

/* Fields of a protocol buffer: number << 3 | wire type, then the value. */
enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

static size_t put_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static size_t put_bytes(uint8_t *p, unsigned field, const void *bytes, size_t n)
{
    p[0] = (uint8_t)(field << 3 | WIRE_BYTES);
    const size_t head = 1 + put_varint(p + 1, n);
    memcpy(p + head, bytes, n);
    return head + n;
}

static size_t put_double(uint8_t *p, unsigned field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    p[0] = (uint8_t)(field << 3 | WIRE_64);
    egi_store_le64(p + 1, bits);
    return 9;
}

static size_t put_float(uint8_t *p, unsigned field, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    p[0] = (uint8_t)(field << 3 | WIRE_32);
    egi_store_le32(p + 1, bits);
    return 5;
}

/* The record around the event that lies at out + 12. */
static size_t frame(uint8_t *out, size_t n)
{
    egi_store_le64(out, n);
    egi_store_le32(out + 8, masked(out, 8));
    egi_store_le32(out + 12 + n, masked(out + 12, n));
    return 12 + n + 4;
}

size_t egi_event_version(double seconds, uint8_t out[EGI_EVENT_MAX])
{
    static const char version[] = "brain.Event:2";
    const size_t n = put_double(out + 12, 1, seconds);
    return frame(out, n + put_bytes(out + 12 + n, 3, version, sizeof version - 1));
}

size_t egi_event_scalar(double seconds, uint64_t step, const char *tag, float value,
                        uint8_t out[EGI_EVENT_MAX])
{
    uint8_t one[128], summary[140];
    size_t n = put_bytes(one, 1, tag, strnlen(tag, 100));
    n += put_float(one + n, 2, value);
    const size_t s = put_bytes(summary, 1, one, n);
    n = put_double(out + 12, 1, seconds);
    out[12 + n++] = 2 << 3 | WIRE_VARINT;
    n += put_varint(out + 12 + n, step);
    return frame(out, n + put_bytes(out + 12 + n, 5, summary, s));
}
