namespace Nabi.Training.Data.Images;

/// <summary>
/// JPEG (ITU T.81), sequential DCT with Huffman coding, 8 bits, grey or YCbCr in any subsampling by 1, 2 or 4. Progressive and
/// arithmetic-coded files are named and refused.
/// </summary>
internal sealed class JpegDecoder
{
    private static ReadOnlySpan<byte> ZigZag =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    private sealed record Component(int Id, int H, int V, int Table)
    {
        public JpegHuffman? Dc { get; set; }

        public JpegHuffman? Ac { get; set; }
    }

    /// <summary>Samples of one component, padded to whole blocks.</summary>
    private sealed record Plane(int Stride, int Width, int Height, byte[] Samples)
    {
        public ReadOnlySpan<byte> Row(int y) => Samples.AsSpan(Math.Clamp(y, 0, Height - 1) * Stride, Width);
    }

    private readonly string _source;
    private readonly int[]?[] _quantization = new int[4][];
    private readonly JpegHuffman?[] _dc = new JpegHuffman?[4];
    private readonly JpegHuffman?[] _ac = new JpegHuffman?[4];
    private Component[] _components = [];
    private Component[] _scan = [];
    private int _width, _height, _maxH, _maxV, _restartInterval;
    private bool _isRgb;

    private JpegDecoder(string source) => _source = source;

    /// <summary>Decodes a whole file.</summary>
    public static RasterImage Decode(byte[] file, string source)
    {
        var decoder = new JpegDecoder(source);
        var cursor = new DataCursor(file, source);
        Plane[]? planes = null;
        var done = 0;
        while (decoder.ReadSegments(ref cursor))
        {
            if (planes is null)
            {
                // Each of its blocks takes at least one code of 2 bits for DC and AC together: at most 256 pixels a byte.
                RasterImage.CheckSize(cursor, decoder._width, decoder._height, (long)file.Length * 512);
                planes = decoder.NewPlanes();
            }
            cursor.Position += decoder.ReadScan(file.AsSpan(cursor.Position), planes);
            if ((done += decoder._scan.Length) >= decoder._components.Length) break;
        }
        return planes is not null ? decoder.Compose(planes) : throw cursor.Fail("it holds no picture");
    }

    /// <summary>A decoder for many files that share their head: everything up to the scan.</summary>
    public static JpegDecoder WithHead(byte[] head, string source)
    {
        var decoder = new JpegDecoder(source);
        var cursor = new DataCursor(head, source);
        if (!decoder.ReadSegments(ref cursor) || decoder._scan.Length != decoder._components.Length) throw cursor.Fail("its common JPEG head holds no scan of all components");
        RasterImage.CheckSize(cursor, decoder._width, decoder._height, 1 << 20);
        return decoder;
    }

    /// <summary>Decodes the scan of a file whose head this is. Safe to call from several threads.</summary>
    public RasterImage DecodeScan(ReadOnlyMemory<byte> scan)
    {
        var planes = NewPlanes();
        ReadScan(scan.Span, planes);
        return Compose(planes);
    }

    // Reads segments up to and with the next start of scan; false at the end of the picture.
    private bool ReadSegments(ref DataCursor cursor)
    {
        while (cursor.Left > 0)
        {
            if (cursor.U8() != 0xFF) continue;
            int marker;
            do marker = cursor.U8(); while (marker == 0xFF);
            if (marker is 0 or 0x01 or (>= 0xD0 and <= 0xD8)) continue;
            if (marker == 0xD9) return false;
            var length = cursor.U16Big();
            if (length < 2) throw cursor.Fail("a segment has no length");
            var segment = new DataCursor(cursor.Take(length - 2), _source);
            switch (marker)
            {
                case 0xC0 or 0xC1: ReadFrame(ref segment); break;
                case 0xC2: throw segment.Fail("progressive JPEG is not supported; save it as baseline");
                case 0xC4: ReadHuffman(ref segment); break;
                case >= 0xC3 and <= 0xCF: throw segment.Fail($"JPEG process 0x{marker:x2} is not supported; save it as baseline");
                case 0xDA: ReadScanHeader(ref segment); return true;
                case 0xDB: ReadQuantization(ref segment); break;
                case 0xDD: _restartInterval = segment.U16Big(); break;
                // Adobe's segment: a transform of 0 means that three components are red, green and blue.
                case 0xEE when segment.Length >= 12: _isRgb = segment.Take(12)[11] == 0; break;
            }
        }
        return false;
    }

    private void ReadFrame(ref DataCursor segment)
    {
        if (_components.Length > 0) throw segment.Fail("it has two frames");
        if (segment.U8() != 8) throw segment.Fail("only 8 bits per sample are supported");
        (_height, _width) = (segment.U16Big(), segment.U16Big());
        var count = segment.U8();
        if (count is not (1 or 3)) throw segment.Fail($"{count} color components are not supported, only 1 and 3");
        var components = new Component[count];
        for (var i = 0; i < count; i++)
        {
            var (id, sampling, table) = (segment.U8(), segment.U8(), segment.U8());
            var (h, v) = (sampling >> 4, sampling & 15);
            if (h is not (1 or 2 or 4) || v is not (1 or 2 or 4) || table > 3) throw segment.Fail($"sampling {h} x {v} is not supported");
            components[i] = count == 1 ? new Component(id, 1, 1, table) : new Component(id, h, v, table);
        }
        (_maxH, _maxV) = (components.Max(c => c.H), components.Max(c => c.V));
        _components = components;
    }

    private void ReadHuffman(ref DataCursor segment)
    {
        while (segment.Left > 0)
        {
            var target = segment.U8();
            if ((target & 15) > 3 || target >> 4 > 1) throw segment.Fail("a Huffman table has no such place");
            (target >> 4 == 0 ? _dc : _ac)[target & 15] = new JpegHuffman(ref segment);
        }
    }

    private void ReadQuantization(ref DataCursor segment)
    {
        while (segment.Left > 0)
        {
            var target = segment.U8();
            if ((target & 15) > 3 || target >> 4 > 1) throw segment.Fail("a quantization table has no such place");
            var table = new int[64];
            for (var i = 0; i < 64; i++) table[ZigZag[i]] = target >> 4 == 0 ? segment.U8() : segment.U16Big();
            _quantization[target & 15] = table;
        }
    }

    private void ReadScanHeader(ref DataCursor segment)
    {
        var count = segment.U8();
        if (_components.Length == 0 || count < 1 || count > _components.Length) throw segment.Fail($"a scan of {count} components has no frame");
        var scan = new Component[count];
        for (var i = 0; i < count; i++)
        {
            var (id, tables) = (segment.U8(), segment.U8());
            var component = Array.Find(_components, c => c.Id == id) ?? throw segment.Fail($"a scan names component {id}, which does not exist");
            if (scan.Contains(component)) throw segment.Fail($"a scan names component {id} twice");
            component.Dc = (tables >> 4 < 4 ? _dc[tables >> 4] : null) ?? throw segment.Fail("a Huffman table is missing");
            component.Ac = ((tables & 15) < 4 ? _ac[tables & 15] : null) ?? throw segment.Fail("a Huffman table is missing");
            if (_quantization[component.Table] is null) throw segment.Fail("a quantization table is missing");
            scan[i] = component;
        }
        _scan = scan;
    }

    private Plane[] NewPlanes()
    {
        int mcuX = (_width + 8 * _maxH - 1) / (8 * _maxH), mcuY = (_height + 8 * _maxV - 1) / (8 * _maxV);
        return [.. _components.Select(c => new Plane(mcuX * c.H * 8, (_width * c.H + _maxH - 1) / _maxH, (_height * c.V + _maxV - 1) / _maxV,
            new byte[mcuX * c.H * 8 * mcuY * c.V * 8]))];
    }

    // Returns how many bytes the scan took.
    private int ReadScan(ReadOnlySpan<byte> bytes, Plane[] planes)
    {
        var bits = new JpegBits(bytes);
        Span<int> block = stackalloc int[64];
        Span<int> previous = stackalloc int[4];
        previous.Clear();
        var alone = _scan.Length == 1 ? planes[Array.IndexOf(_components, _scan[0])] : null;
        var (columns, rows) = alone is not null
            ? ((alone.Width + 7) / 8, (alone.Height + 7) / 8)
            : ((_width + 8 * _maxH - 1) / (8 * _maxH), (_height + 8 * _maxV - 1) / (8 * _maxV));
        for (var mcu = 0; mcu < columns * rows; mcu++)
        {
            if (_restartInterval > 0 && mcu > 0 && mcu % _restartInterval == 0)
            {
                if (!bits.Restart()) throw Damaged("a restart marker is missing");
                previous.Clear();
            }
            for (var c = 0; c < _scan.Length; c++)
            {
                var component = _scan[c];
                var plane = planes[Array.IndexOf(_components, component)];
                var (h, v) = alone is null ? (component.H, component.V) : (1, 1);
                for (var i = 0; i < h * v; i++)
                {
                    ReadBlock(ref bits, component, ref previous[c], block);
                    var (x, y) = (mcu % columns * h + i % h, mcu / columns * v + i / h);
                    JpegTransform.InverseDct(block, plane.Samples.AsSpan(y * 8 * plane.Stride + x * 8), plane.Stride);
                }
            }
            if (bits.Overrun > 64) throw Damaged("it ends in the middle of the picture");
        }
        return bits.Position;
    }

    private void ReadBlock(ref JpegBits bits, Component component, ref int previous, scoped Span<int> block)
    {
        var quantization = _quantization[component.Table]!;
        block.Clear();
        var size = bits.Decode(component.Dc!);
        if (size is < 0 or > 11) throw Damaged("a Huffman code does not exist");
        previous = (short)(previous + bits.Receive(size));
        block[0] = previous * quantization[0];
        for (var k = 1; k < 64; k++)
        {
            var symbol = bits.Decode(component.Ac!);
            if (symbol < 0) throw Damaged("a Huffman code does not exist");
            var (run, length) = (symbol >> 4, symbol & 15);
            if (length == 0)
            {
                if (run != 15) break;
                k += 15;
                continue;
            }
            k += run;
            if (k > 63) throw Damaged("a block has more than 64 coefficients");
            block[ZigZag[k]] = bits.Receive(length) * quantization[ZigZag[k]];
        }
    }

    private RasterImage Compose(Plane[] planes)
    {
        if (planes.Length == 1)
        {
            var grey = new byte[_width * _height];
            for (var y = 0; y < _height; y++) planes[0].Row(y).CopyTo(grey.AsSpan(y * _width));
            return new RasterImage(_width, _height, 1, grey);
        }
        var pixels = new byte[_width * _height * 3];
        var rows = new byte[3][];
        for (var c = 0; c < 3; c++) rows[c] = new byte[_width];
        for (var y = 0; y < _height; y++)
        {
            for (var c = 0; c < 3; c++) Upsample(planes[c], _components[c], y, rows[c]);
            for (var x = 0; x < _width; x++)
            {
                var to = pixels.AsSpan((y * _width + x) * 3, 3);
                if (_isRgb) (to[0], to[1], to[2]) = (rows[0][x], rows[1][x], rows[2][x]);
                else JpegTransform.ToRgb(rows[0][x], rows[1][x], rows[2][x], to);
            }
        }
        return new RasterImage(_width, _height, 3, pixels);
    }

    private void Upsample(Plane plane, Component component, int y, byte[] to)
    {
        var (scaleX, scaleY) = (_maxH / component.H, _maxV / component.V);
        var near = plane.Row(y / scaleY);
        switch (scaleX, scaleY)
        {
            case (1, 1):
                near[.._width].CopyTo(to);
                break;
            case (2, 1) when plane.Width > 2:
                JpegTransform.DoubleRow(near, to);
                break;
            case (2, 2) when plane.Width > 2:
                JpegTransform.DoubleBoth(near, plane.Row(y % 2 == 0 ? y / 2 - 1 : y / 2 + 1), to);
                break;
            default:
                for (var x = 0; x < to.Length; x++) to[x] = near[Math.Min(x / scaleX, near.Length - 1)];
                break;
        }
    }

    private NabiException Damaged(string what) => new($"File '{_source}' is damaged: {what}.");
}
