/* Archives made byte by byte, so that they can be wrong in every way. */
#pragma once

#include <fcntl.h>
#include <isa-l.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"
#include "test.h"

static inline void put(Buffer *buffer, const void *data, size_t size) {
        check_int(buffer_append(buffer, data, size), 0);
}

static inline void put16(Buffer *buffer, unsigned value) {
        put(buffer, &(uint16_t) { (uint16_t) value }, 2);
}

static inline void put32(Buffer *buffer, uint64_t value) {
        put(buffer, &(uint32_t) { (uint32_t) value }, 4);
}

static inline void put64(Buffer *buffer, uint64_t value) {
        put(buffer, &value, 8);
}

static inline int memory_file(const Buffer *buffer) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        check(fd >= 0);
        check_int(fs_write_all(fd, strempty(buffer->data), buffer->size), 0);
        return fd;
}

static inline int empty_file(void) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        check(fd >= 0);
        return fd;
}

/* Deflate with stored blocks only. */
static inline void put_deflated(Buffer *buffer, const void *data, size_t size) {
        const char *rest = data;

        do {
                size_t n = MIN_OF(size, (size_t) 65535);

                put(buffer, size == n ? "\1" : "\0", 1);
                put16(buffer, (unsigned) n);
                put16(buffer, ~(unsigned) n);
                put(buffer, rest, n);
                rest += n;
                size -= n;
        } while (size > 0);
}

static inline uint32_t crc_of(const void *data, size_t size) {
        return crc32_gzip_refl(0, data, size);
}

/* One entry of a zip; what is 0 is filled in as it should be. */
typedef struct ZipItem {
        const char *name;
        size_t name_length;
        const char *local_name;
        const char *data; /* as it stands in the file */
        size_t data_size;
        unsigned method, flags;
        uint64_t size; /* unpacked; for stored ones that of the data */
        bool size_is_zero;
        uint32_t crc;
        unsigned mode; /* Unix */
        bool no_local; /* only in the directory, pointing at local_offset */
        uint64_t local_offset;
        bool zip64;          /* sizes and offset in the ZIP64 field */
        uint32_t local_size; /* another size in the local header */
} ZipItem;

typedef struct ZipBuilder {
        Buffer file, directory;
        unsigned n;
        const char *comment;
        uint64_t offset_shift; /* wrong offset of the directory */
        unsigned disk;
        unsigned n_announced; /* another number of entries */
} ZipBuilder;

static inline void zip_add(ZipBuilder *zip, ZipItem item) {
        size_t length = item.name_length > 0 ? item.name_length : strlen(item.name);
        uint64_t offset = item.no_local ? item.local_offset : zip->file.size, size = item.size;
        const char *data = strempty(item.data);
        size_t data_size = item.data_size > 0 ? item.data_size : strlen(data);
        uint32_t crc = item.crc;

        if (size == 0 && !item.size_is_zero)
                size = data_size;
        if (crc == 0 && item.method == 0)
                crc = crc_of(data, data_size);

        if (!item.no_local) {
                put32(&zip->file, 0x04034b50);
                put16(&zip->file, 20);
                put16(&zip->file, item.flags);
                put16(&zip->file, item.method);
                put32(&zip->file, 0x00210000);
                put32(&zip->file, item.flags & 8 ? 0 : crc);
                put32(&zip->file, item.flags & 8 ? 0 : item.zip64 ? UINT32_MAX : data_size);
                put32(&zip->file, item.flags & 8    ? 0
                                  : item.zip64      ? UINT32_MAX
                                  : item.local_size ? item.local_size
                                                    : size);
                put16(&zip->file, (unsigned) length);
                put16(&zip->file, item.zip64 ? 20 : 0);
                put(&zip->file, item.local_name ? item.local_name : item.name, length);
                if (item.zip64) {
                        put16(&zip->file, 1);
                        put16(&zip->file, 16);
                        put64(&zip->file, size);
                        put64(&zip->file, data_size);
                }
                put(&zip->file, data, data_size);
                if (item.flags & 8) {
                        put32(&zip->file, 0x08074b50);
                        put32(&zip->file, crc);
                        put32(&zip->file, data_size);
                        put32(&zip->file, size);
                }
        }

        put32(&zip->directory, 0x02014b50);
        put16(&zip->directory, 3 << 8 | 20);
        put16(&zip->directory, 20);
        put16(&zip->directory, item.flags);
        put16(&zip->directory, item.method);
        put32(&zip->directory, 0x00210000);
        put32(&zip->directory, crc);
        put32(&zip->directory, item.zip64 ? UINT32_MAX : data_size);
        put32(&zip->directory, item.zip64 ? UINT32_MAX : size);
        put16(&zip->directory, (unsigned) length);
        put16(&zip->directory, item.zip64 ? 28 : 0);
        put16(&zip->directory, 0);
        put16(&zip->directory, 0);
        put16(&zip->directory, 0);
        put32(&zip->directory, (uint64_t) item.mode << 16);
        put32(&zip->directory, item.zip64 ? UINT32_MAX : offset);
        put(&zip->directory, item.name, length);
        if (item.zip64) {
                put16(&zip->directory, 1);
                put16(&zip->directory, 24);
                put64(&zip->directory, size);
                put64(&zip->directory, data_size);
                put64(&zip->directory, offset);
        }
        zip->n++;
}

/* Returns the descriptor of the finished archive. */
static inline int zip_finish(ZipBuilder *zip, bool zip64) {
        uint64_t offset = zip->file.size;
        unsigned n = zip->n_announced ? zip->n_announced : zip->n;
        int fd;

        put(&zip->file, strempty(zip->directory.data), zip->directory.size);
        if (zip64) {
                uint64_t end = zip->file.size;

                put32(&zip->file, 0x06064b50);
                put64(&zip->file, 44);
                put16(&zip->file, 45);
                put16(&zip->file, 45);
                put32(&zip->file, 0);
                put32(&zip->file, 0);
                put64(&zip->file, n);
                put64(&zip->file, n);
                put64(&zip->file, zip->directory.size);
                put64(&zip->file, offset);
                put32(&zip->file, 0x07064b50);
                put32(&zip->file, 0);
                put64(&zip->file, end);
                put32(&zip->file, 1);
        }
        put32(&zip->file, 0x06054b50);
        put16(&zip->file, zip->disk);
        put16(&zip->file, 0);
        put16(&zip->file, zip64 ? 0xffff : n);
        put16(&zip->file, zip64 ? 0xffff : n);
        put32(&zip->file, zip64 ? UINT32_MAX : zip->directory.size);
        put32(&zip->file, zip64 ? UINT32_MAX : offset + zip->offset_shift);
        put16(&zip->file, (unsigned) strlen(strempty(zip->comment)));
        put(&zip->file, strempty(zip->comment), strlen(strempty(zip->comment)));
        fd = memory_file(&zip->file);
        buffer_clear(&zip->file);
        buffer_clear(&zip->directory);
        *zip = (ZipBuilder) {};
        return fd;
}

/* An entry of a ustar archive (POSIX.1-1988). */
static inline void tar_add(Buffer *tar, const char *name, char type, unsigned mode, const char *link,
        const void *data, size_t size) {
        static const char zeros[512] = {};
        unsigned char header[513] = {};
        unsigned sum = 0;

        check(strlen(name) <= 100 && strlen(strempty(link)) <= 100);
        memcpy(header, name, strlen(name));
        (void) snprintf((char *) header + 100, 8, "%07o", mode);
        (void) snprintf((char *) header + 108, 8, "%07o", 1000U);
        (void) snprintf((char *) header + 116, 8, "%07o", 1000U);
        (void) snprintf((char *) header + 124, 12, "%011llo", (unsigned long long) size & 077777777777);
        (void) snprintf((char *) header + 136, 12, "%011o", 1700000000U);
        memset(header + 148, ' ', 8);
        header[156] = (unsigned char) type;
        memcpy(header + 157, strempty(link), strlen(strempty(link)));
        memcpy(header + 257, "ustar\00000root", 12);
        for (size_t i = 0; i < 512; i++)
                sum += header[i];
        (void) snprintf((char *) header + 148, 8, "%06o", sum);
        put(tar, header, 512);
        put(tar, data, size);
        if (size % 512 > 0)
                put(tar, zeros, 512 - size % 512);
}

static inline void tar_file(Buffer *tar, const char *name, const char *text) {
        tar_add(tar, name, '0', 0644, NULL, text, strlen(text));
}

/* One record of a pax header: "<length> <key>=<value>\n". */
static inline void pax_record(Buffer *records, const char *key, const char *value) {
        size_t length = strlen(key) + strlen(value) + 3, total;
        char digits[24];

        for (total = length + 1; (size_t) snprintf(digits, sizeof(digits), "%zu", total) + length != total;
                total++)
                ;
        check_int(buffer_append_format(records, "%zu %s=%s\n", total, key, value), 0);
}

/* Closes the archive and returns the descriptor of its gzip file. */
static inline int tar_finish(Buffer *tar) {
        _cleanup_(buffer_clear) Buffer gzip = {};
        static const char zeros[1024] = {};

        put(tar, zeros, sizeof(zeros));
        put(&gzip, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
        put_deflated(&gzip, tar->data, tar->size);
        put32(&gzip, crc_of(tar->data, tar->size));
        put32(&gzip, tar->size);
        buffer_clear(tar);
        return memory_file(&gzip);
}
