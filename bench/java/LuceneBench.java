import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.DelegatingAnalyzerWrapper;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.document.LongPoint;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.SortedDocValuesField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexOptions;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.MatchAllDocsQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;
import org.apache.lucene.search.Sort;
import org.apache.lucene.search.SortField;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopDocs;
import org.apache.lucene.search.TopFieldCollectorManager;
import org.apache.lucene.search.TopScoreDocCollectorManager;
import org.apache.lucene.search.WildcardQuery;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.BytesRef;

/**
 * Lucene with the same rows, fields and questions.
 *
 * <p>Arguments: the folder of the index, and a file of rows with tabs between their values. Tells what indexing cost,
 * then answers each line of the input with a line: nanoseconds, and what was found.
 */
public final class LuceneBench {
  private static final int PAGE = 100;
  private static final int COUNT_UP_TO = 10_000;
  private static final FieldType GRAMS = new FieldType();

  static {
    GRAMS.setIndexOptions(IndexOptions.DOCS);
    GRAMS.setTokenized(true);
    GRAMS.setOmitNorms(true);
    GRAMS.freeze();
  }

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    index(folder, Path.of(arguments[1]), output);
    try (DirectoryReader reader = DirectoryReader.open(FSDirectory.open(folder));
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      IndexSearcher searcher = new IndexSearcher(reader);
      searcher.setQueryCache(null); // ours has none either
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        long started = System.nanoTime();
        String found = answer(searcher, line.split("\t"));
        output.println(System.nanoTime() - started + " " + found);
      }
    }
  }

  private static void index(Path folder, Path rows, PrintStream output) throws IOException {
    Analyzer words = analyzer(Words.class);
    Map<String, Analyzer> of = Map.of("name.grams", analyzer(NGramTokenizer.class), "path.parts", analyzer(Parts.class));
    Analyzer each = new DelegatingAnalyzerWrapper(Analyzer.PER_FIELD_REUSE_STRATEGY) {
      @Override
      protected Analyzer getWrappedAnalyzer(String field) {
        return of.getOrDefault(field, words);
      }
    };
    IndexWriterConfig config = new IndexWriterConfig(each).setRAMBufferSizeMB(256).setUseCompoundFile(false);
    long started = System.nanoTime();
    long before = cpu();
    try (IndexWriter writer = new IndexWriter(FSDirectory.open(folder), config);
        BufferedReader reader = Files.newBufferedReader(rows)) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        writer.addDocument(document(line.split("\t")));
      }
      writer.commit();
    }
    long bytes = 0;
    try (var files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        bytes += Files.size(file);
      }
    }
    output.println(System.nanoTime() - started + " " + (cpu() - before) + " " + bytes);
  }

  private static long cpu() {
    var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime();
  }

  private static Document document(String[] row) {
    Document document = new Document();
    String name = row[1].toLowerCase();
    String path = row[2].toLowerCase();
    document.add(new TextField("name.words", name, Field.Store.NO));
    document.add(new StringField("name.whole", name, Field.Store.NO));
    document.add(new SortedDocValuesField("name.whole", new BytesRef(name)));
    document.add(new Field("name.grams", name, GRAMS));
    document.add(new TextField("path.words", path, Field.Store.NO));
    document.add(new TextField("path.parts", "^" + path, Field.Store.NO));
    String[] numbers = {"id", "", "", "size", "date", "dataset", "investigation", "format"};
    for (int at : new int[] {0, 3, 4, 5, 6, 7}) {
      long value = Long.parseLong(row[at]);
      document.add(new LongPoint(numbers[at], value));
      document.add(new NumericDocValuesField(numbers[at], value));
    }
    return document;
  }

  private static String answer(IndexSearcher searcher, String[] asked) throws IOException {
    BooleanQuery.Builder builder = new BooleanQuery.Builder();
    for (String clause : Arrays.copyOfRange(asked, 1, asked.length)) {
      builder.add(query(clause.split(" ")), asked[0].equals("ranked") ? Occur.MUST : Occur.FILTER);
    }
    Query query = asked.length == 1 ? new MatchAllDocsQuery() : builder.build();
    switch (asked[0]) {
      case "facets":
        return facets(searcher, query);
      case "ranked":
        return ids(searcher, searcher.search(query, new TopScoreDocCollectorManager(PAGE, COUNT_UP_TO)));
      default:
        Sort newest = new Sort(new SortField("date", SortField.Type.LONG, true), new SortField("id", SortField.Type.LONG));
        return ids(searcher, searcher.search(query, new TopFieldCollectorManager(newest, PAGE, COUNT_UP_TO)));
    }
  }

  private static Query query(String[] words) {
    String field = words[1];
    switch (words[0]) {
      case "term":
        return new TermQuery(new Term(field, words[2]));
      case "either":
        BooleanQuery.Builder either = new BooleanQuery.Builder();
        either.add(new BoostQuery(new TermQuery(new Term(words[2], words[1])), 3), Occur.SHOULD);
        either.add(new TermQuery(new Term(words[3], words[1])), Occur.SHOULD);
        return either.build();
      case "phrase":
        return new PhraseQuery(field, Arrays.copyOfRange(words, 2, words.length));
      case "begins":
        return new PrefixQuery(new Term(field, words[2]));
      case "like":
        return new WildcardQuery(new Term(field, words[2]));
      case "grams":
        BooleanQuery.Builder grams = new BooleanQuery.Builder();
        for (int at = 0; at + 3 <= words[2].length(); at++) {
          grams.add(new TermQuery(new Term(field, words[2].substring(at, at + 3))), Occur.FILTER);
        }
        return grams.build();
      case "range":
        return LongPoint.newRangeQuery(field, Long.parseLong(words[2]), Long.parseLong(words[3]));
      case "ids":
        return LongPoint.newSetQuery(field, Arrays.stream(words[2].split(",")).mapToLong(Long::parseLong).toArray());
      default:
        throw new IllegalArgumentException(words[0]);
    }
  }

  private static String ids(IndexSearcher searcher, TopDocs found) throws IOException {
    List<LeafReaderContext> leaves = searcher.getIndexReader().leaves();
    StringJoiner joined = new StringJoiner(",");
    for (ScoreDoc hit : found.scoreDocs) {
      LeafReaderContext leaf = leaves.get(org.apache.lucene.index.ReaderUtil.subIndex(hit.doc, leaves));
      NumericDocValues ids = leaf.reader().getNumericDocValues("id");
      ids.advanceExact(hit.doc - leaf.docBase);
      joined.add(Long.toString(ids.longValue()));
    }
    return joined.toString();
  }

  @SuppressWarnings("deprecation") // the collector that is for one thread alone
  private static String facets(IndexSearcher searcher, Query query) throws IOException {
    int[] formats = new int[1024];
    Map<Long, int[]> days = new TreeMap<>();
    searcher.search(query, new SimpleCollector() {
      private NumericDocValues format;
      private NumericDocValues date;
      private long day = Long.MIN_VALUE;
      private int[] ofDay;

      @Override
      protected void doSetNextReader(LeafReaderContext leaf) throws IOException {
        format = leaf.reader().getNumericDocValues("format");
        date = leaf.reader().getNumericDocValues("date");
      }

      @Override
      public void collect(int document) throws IOException {
        format.advanceExact(document);
        formats[(int) format.longValue()]++;
        date.advanceExact(document);
        long next = Math.floorDiv(date.longValue(), 86_400_000L);
        if (next != day) {
          day = next;
          ofDay = days.computeIfAbsent(day, made -> new int[1]);
        }
        ofDay[0]++;
      }

      @Override
      public ScoreMode scoreMode() {
        return ScoreMode.COMPLETE_NO_SCORES;
      }
    });
    List<String> told = new ArrayList<>();
    for (int format = 0; format < formats.length; format++) {
      if (formats[format] > 0) {
        told.add(format + "=" + formats[format]);
      }
    }
    return String.join(",", told) + " " + days.size();
  }

  private static Analyzer analyzer(Class<? extends Tokenizer> kind) {
    return new Analyzer() {
      @Override
      protected TokenStreamComponents createComponents(String field) {
        if (kind == NGramTokenizer.class) {
          return new TokenStreamComponents(new NGramTokenizer(3, 3));
        }
        return new TokenStreamComponents(kind == Parts.class ? new Parts() : new Words());
      }
    };
  }

  /** Cuts text by the class of its characters. */
  private abstract static class Runs extends Tokenizer {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private String text;
    private int at;

    /** Characters of the same class above 0 belong together; those of class 0 separate. */
    abstract int classOf(char character);

    @Override
    public void reset() throws IOException {
      super.reset();
      StringBuilder read = new StringBuilder();
      char[] buffer = new char[1024];
      for (int many = input.read(buffer); many > 0; many = input.read(buffer)) {
        read.append(buffer, 0, many);
      }
      text = read.toString();
      at = 0;
    }

    @Override
    public final boolean incrementToken() {
      clearAttributes();
      while (at < text.length() && classOf(text.charAt(at)) == 0) {
        at++;
      }
      int start = at;
      while (at < text.length() && classOf(text.charAt(at)) == classOf(text.charAt(start))) {
        at++;
      }
      term.append(text, start, at);
      return at > start;
    }
  }

  /** Runs of letters, and runs of digits. */
  private static final class Words extends Runs {
    @Override
    int classOf(char character) {
      return Character.isLetter(character) ? 1 : Character.isDigit(character) ? 2 : 0;
    }
  }

  /** What stands between slashes. */
  private static final class Parts extends Runs {
    @Override
    int classOf(char character) {
      return character == '/' ? 0 : 1;
    }
  }
}
