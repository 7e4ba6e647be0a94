import MountTracking
import StorageModel
import Testing

@Suite("Usage in the words of CSI")
struct VolumeUsageTests {
    struct Row: Sendable {
        var total: UInt64
        var free: UInt64
        var available: UInt64
        var reported: (total: Int64, used: Int64, available: Int64)
    }

    @Test(
        "used is what is not free; nothing is negative or overflows",
        arguments: [
            Row(total: 100, free: 40, available: 30, reported: (100, 60, 30)),
            Row(total: 100, free: 100, available: 100, reported: (100, 0, 100)),
            Row(total: 0, free: 0, available: 0, reported: (0, 0, 0)),
            Row(total: 10, free: 20, available: 20, reported: (10, 0, 20)),
            Row(total: .max, free: 0, available: .max, reported: (.max, .max, .max)),
        ])
    func numbers(row: Row) {
        for unit in [VolumeUsage.Unit.bytes, .inodes] {
            let usage = VolumeUsage(unit, total: row.total, free: row.free, available: row.available)
            #expect((usage.total, usage.used, usage.available) == row.reported)
            #expect(usage.unit == unit)
        }
    }
}
